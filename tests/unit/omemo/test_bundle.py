"""Which keys are usable: real ones are, and no others."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oldmemo.etree import parse_bundle

from tests.keys import bundle, device_list
from xmppgov.omemo.bundle import NAMESPACE, devices, is_usable

NS = f"{{{NAMESPACE}}}"


def test_fresh_keys_are_usable_and_the_library_agrees() -> None:
    made = bundle()
    assert is_usable(made)
    parse_bundle(made, "alice@gov.example", 1)


def test_a_signature_by_another_key_is_not_accepted() -> None:
    assert not is_usable(bundle(signed=False))


def test_without_pre_keys_no_session_can_be_built() -> None:
    assert not is_usable(bundle(pre_keys=0))


@pytest.mark.parametrize("part", ["signedPreKeyPublic", "signedPreKeySignature", "identityKey"])
@pytest.mark.parametrize("value", [None, "", "AAAA", "not base64 at all", "é"])
def test_a_broken_part_breaks_the_bundle(part: str, value: str | None) -> None:
    made = bundle()
    element = made.find(f"{NS}{part}")
    assert element is not None
    if value is None:
        made.remove(element)
    else:
        element.text = value
    assert not is_usable(made)


@settings(max_examples=40)
@given(st.integers(0, 32 * 8 - 1), st.sampled_from(["signedPreKeyPublic", "identityKey"]))
def test_a_flipped_bit_of_a_key_is_noticed(bit: int, part: str) -> None:
    if bit == 255:
        return  # Curve25519 ignores the last bit of a public key
    made = bundle()
    element = made.find(f"{NS}{part}")
    assert element is not None
    raw = bytearray(base64.b64decode(element.text or ""))
    raw[1 + bit // 8] ^= 1 << (bit % 8)
    element.text = base64.b64encode(bytes(raw)).decode()
    assert not is_usable(made)


def test_white_space_in_keys_is_no_harm() -> None:
    made = bundle()
    for element in made.iter():
        if element.text:
            element.text = f"\n  {element.text[:20]}\n{element.text[20:]} "
    assert is_usable(made)


@given(st.binary(max_size=200))
def test_any_text_is_answered(raw: bytes) -> None:
    made = bundle()
    for element in made.iter():
        element.text = raw.decode("latin-1")
    assert not is_usable(made)


def test_nothing_and_other_things_are_not_usable() -> None:
    assert not is_usable(None)
    assert not is_usable(ET.Element("bundle"))


def test_device_lists() -> None:
    assert devices(device_list(7, 9, 7)) == (7, 9)
    assert devices(None) == ()
    assert devices(ET.fromstring('<list xmlns="x"><device id="1"/></list>')) == ()
    broken = ET.fromstring(
        f'<list xmlns="{NAMESPACE}"><device/><device id="x"/><device id="0"/>'
        '<device id="4294967296"/><device id="²"/><device id="5"/></list>'
    )
    assert devices(broken) == (5,)
