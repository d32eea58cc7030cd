"""Signed requests: the published vector, and what must not pass."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov_alerts.signature import ID, SIGNATURE, TIMESTAMP, Key, secret_bytes, sign, verify

KEY = Key("one", b"k" * 32)
OTHER = Key("two", b"o" * 32)
NOW = 1_800_000_000
REQUEST_ID = st.from_regex(r"[!-\-/-~]{1,255}", fullmatch=True)


def test_the_vector_of_standard_webhooks() -> None:
    key = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers[SIGNATURE] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(REQUEST_ID, st.binary(max_size=200), st.integers(-300, 300))
def test_what_was_signed_within_the_window_is_accepted(
    request_id: str, body: bytes, skew: int
) -> None:
    headers = sign(KEY.secret, request_id, NOW + skew, body)
    assert verify((OTHER, KEY), headers, body, NOW) is KEY


@given(REQUEST_ID, st.binary(max_size=200), st.binary(max_size=200))
def test_another_body_is_refused(request_id: str, body: bytes, other: bytes) -> None:
    headers = sign(KEY.secret, request_id, NOW, body)
    assert (verify((KEY,), headers, other, NOW) is None) == (body != other)


@pytest.mark.parametrize("skew", [-301, 301, 10**9])
def test_a_stale_or_early_request_is_refused(skew: int) -> None:
    assert verify((KEY,), sign(KEY.secret, "id", NOW + skew, b""), b"", NOW) is None


def test_an_unknown_key_is_refused() -> None:
    assert verify((KEY,), sign(OTHER.secret, "id", NOW, b""), b"", NOW) is None
    assert verify((), sign(OTHER.secret, "id", NOW, b""), b"", NOW) is None


@pytest.mark.parametrize("missing", [ID, TIMESTAMP, SIGNATURE])
def test_a_missing_header_is_refused(missing: str) -> None:
    headers = sign(KEY.secret, "id", NOW, b"")
    del headers[missing]
    assert verify((KEY,), headers, b"", NOW) is None


def test_one_of_several_signatures_is_enough() -> None:
    headers = sign(KEY.secret, "id", NOW, b"x")
    wrong = "v1," + base64.b64encode(b"w" * 32).decode()
    headers[SIGNATURE] = f"{wrong} v1a,abc v2,{'=' * 3} {headers[SIGNATURE]}"
    assert verify((KEY,), headers, b"x", NOW) is KEY


def test_a_full_stop_cannot_move_between_the_signed_parts() -> None:
    # "a.1" signed at time 2 over "x" is the same bytes as "a" signed at time 1 over "2.x".
    headers = sign(KEY.secret, "a.1", NOW, b"x")
    assert verify((KEY,), headers, b"x", NOW) is None


@pytest.mark.parametrize("change", ["", " ", "v1", "v1,", "v1,AAAA", "V1,", "v1,é"])
def test_a_broken_signature_is_refused(change: str) -> None:
    headers = {**sign(KEY.secret, "id", NOW, b""), SIGNATURE: change}
    assert verify((KEY,), headers, b"", NOW) is None


@given(
    st.dictionaries(st.sampled_from([ID, TIMESTAMP, SIGNATURE]), st.text(max_size=80)),
    st.binary(max_size=50),
)
def test_no_header_whatever_raises_or_passes(headers: dict[str, str], body: bytes) -> None:
    assert verify((KEY, OTHER), headers, body, NOW) is None


@pytest.mark.parametrize("secret", ["short", "whsec_AAAA", "whsec_not base64 at all, however long"])
def test_a_weak_secret_is_no_key(secret: str) -> None:
    with pytest.raises(ValueError, match=r"shorter|base64"):
        secret_bytes(secret)


def test_a_secret_without_prefix_is_its_own_bytes() -> None:
    assert secret_bytes("é" * 12) == ("é" * 12).encode()
    assert "secret" not in repr(Key("n", b"secret" * 6))
