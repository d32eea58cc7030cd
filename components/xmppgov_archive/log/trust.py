"""The log's policy: read from the operator's file, or written from the configured witnesses."""

from __future__ import annotations

from pathlib import Path

import structlog

from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.cosignature import CosignerKey, parse_key
from xmppgov.tlog.errors import PolicyInvalid
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.policy import Group, Log, Policy, Witness
from xmppgov_archive.config import ArchiveSection, WitnessSection
from xmppgov_archive.log.keys import write_if_changed

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
OWN = "archive"
WITNESSES, QUORUM = "witnesses", "archive-and-witnesses"


def settle_policy(section: ArchiveSection, key: VerifierKey, own: CosignerKey) -> Policy:
    """Return the policy; where the operator names no file, write it from the configuration.

    Raises:
        ConfigurationError: the file is no policy, does not name this log's keys, or the
            configured witnesses make none.
    """
    if section.log.policy_file is None:
        first = not section.policy_file.exists()
        changed = write_if_changed(section.policy_file, _policy(section, key, own).encode())
        if changed and not first:
            log.warning("the log has another policy now", path=str(section.policy_file))
    policy = read_policy(section.policy_file)
    if key not in [known.key for known in policy.logs]:
        raise _refused(section.policy_file, texts("it does not name this log's own key."))
    return policy


def read_policy(path: Path) -> Policy:
    """Return the policy in `path`. Raises `ConfigurationError`."""
    try:
        return Policy.parse(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            texts("{path}: the file cannot be read: {reason}.", path=path, reason=error.strerror)
        ) from error
    except PolicyInvalid as error:
        raise _refused(path, error.text) from error


def _policy(section: ArchiveSection, key: VerifierKey, own: CosignerKey) -> Policy:
    """Return the default: the log's own ML-DSA-44 key, and more than half of the witnesses."""
    others = section.witnesses
    witnesses = (Witness(OWN, own), *(_witness(w) for w in others))
    names = tuple(w.name for w in others)
    groups: tuple[Group, ...] = ()
    if names:
        most = Group(WITNESSES, len(names) // 2 + 1, names)
        groups = most, Group(QUORUM, 2, (OWN, WITNESSES))
    policy = Policy(
        QUORUM if names else OWN, (Log(key, section.log.url or None),), witnesses, groups
    )
    try:
        return Policy.parse(policy.encode())
    except PolicyInvalid as error:
        raise _refused(section.policy_file, error.text) from error


def _witness(section: WitnessSection) -> Witness:
    key = parse_key(section.vkey)
    assert isinstance(key, CosignerKey)  # the configuration has no other
    return Witness(section.name, key, section.url)


def _refused(path: Path, reason: Text) -> ConfigurationError:
    return ConfigurationError(texts("{path}: {reason}", path=path, reason=reason))
