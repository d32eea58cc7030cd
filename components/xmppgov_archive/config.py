"""The archive's configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from xmppgov.archive.batch import EVENTS, MESSAGES
from xmppgov.archive.day import DAY
from xmppgov.archive.leaf import ROLES
from xmppgov.archive.model import Label
from xmppgov.archive.request import CONFLICT
from xmppgov.config import (
    ConfigPath,
    ListenSection,
    LogSection,
    Section,
    Settings,
    XmppSection,
)
from xmppgov.tlog.cosignature import CosignerKey, parse_key
from xmppgov.tlog.errors import NoteInvalid
from xmppgov_archive.officers.model import Fate, MonthRules
from xmppgov_archive.retention.config import CLASSES, AgenciesSection, ClassSection, Family


def _cosigner(vkey: str) -> str:
    try:
        key = parse_key(vkey)
    except NoteInvalid as error:
        raise ValueError(str(error.text)) from error
    if not isinstance(key, CosignerKey):
        raise ValueError("it is a log's key, not a witness's")
    return vkey


def _account(text: str) -> str:
    local, _, domain = text.partition("@")
    if not local or not domain or text != text.lower() or set(text) & set(" /"):
        raise ValueError("it is no account's address in lower case, without a resource")
    return text


Accounts = tuple[Annotated[str, AfterValidator(_account)], ...]


class OfficersSection(Section):
    """`[archive.officers]`: the accounts of each role, and how long their requests last."""

    archivist: Accounts = ()
    dpo: Accounts = ()
    security: Accounts = ()
    requesters: Accounts = ()
    purposes: tuple[Label, ...] = Field(
        ("judicial", "incident", "data-subject", "audit"), min_length=1
    )
    approval_hours: float = Field(24, gt=0, le=168)
    answer_minutes: float = Field(15, gt=0, le=15)
    most_rows: int = Field(500, ge=1, le=5000)

    @property
    def roles(self) -> dict[str, str]:
        """Return the role of each account."""
        named = {"requester": self.requesters, **{role: getattr(self, role) for role in ROLES}}
        return {address: role for role, accounts in named.items() for address in accounts}

    @model_validator(mode="after")
    def _free_purposes(self) -> Self:
        """Refuse the purpose by which the log says something else."""
        if CONFLICT in self.purposes:
            raise ValueError(f"{CONFLICT} is what the log calls a batch that it refused")
        return self

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        """Refuse an account with two roles: one person is not two officers."""
        named = [*self.archivist, *self.dpo, *self.security, *self.requesters]
        twice = {address for address in named if named.count(address) > 1}
        if twice:
            raise ValueError(f"{min(twice)} has two roles; one person is not two officers")
        return self


class WitnessSection(Section):
    """`[[archive.witnesses]]`: who cosigns, in which type, and where it is asked."""

    name: str = Field(pattern=r"^[^\s\x00-\x1f\x7f]+$")
    vkey: Annotated[str, AfterValidator(_cosigner)]
    url: str = Field(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$")


class PublicLogSection(Section):
    """`[archive.log]`: where others find the log, and whose cosignatures it needs."""

    url: str = Field("", pattern=r"^(https?://[^\s\x00-\x1f\x7f]+)?$")
    policy_file: ConfigPath | None = None
    cosigning_key_file: ConfigPath | None = None
    witness_interval: float = Field(1.0, ge=0.05, le=60.0)


class TimestampSection(Section):
    """`[archive.timestamps]`: an authority (RFC 3161) that stamps the log once a day."""

    url: str = Field(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$")
    ca_file: ConfigPath


class ArchiveSection(Section):
    """`[archive]`: where records, keys and the log lie, and whom the archive obeys."""

    database: ConfigPath
    lock_database: ConfigPath
    keys_dir: ConfigPath
    tiles_dir: ConfigPath
    signing_key_file: ConfigPath
    resolving_key_file: ConfigPath
    origin: str = Field(pattern=r"^[^\s+]+$", max_length=255)
    servers: tuple[str, ...] = Field(min_length=1)
    emitters: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    directory: str | None = None
    classes: dict[Label, ClassSection] = Field(default_factory=lambda: dict(CLASSES))
    slips_dir: ConfigPath | None = None
    agencies: AgenciesSection = AgenciesSection()
    month_keys: Literal["seal", "destroy"] = "seal"
    month_grace_days: int = Field(3, ge=0, le=31)
    checkpoint_interval: float = Field(0.5, ge=0.05, le=1.0)
    niceness: int = Field(10, ge=0, le=19)
    log: PublicLogSection = PublicLogSection()
    officers: OfficersSection = OfficersSection()
    http: ListenSection | None = None
    metrics: ListenSection | None = None
    timestamps: TimestampSection | None = None
    witnesses: tuple[WitnessSection, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        """Keep what one backup must not hold together apart from the first day."""
        if self.keys_dir.is_relative_to(self.database.parent):
            raise ValueError("keys_dir lies in the database's folder; name a folder outside it")
        if self.lock_database == self.database:
            raise ValueError("lock_database is the database; name another file")
        if self.slips.is_relative_to(self.tiles_dir):
            raise ValueError("slips_dir lies in the public log; name a folder outside it")
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        """Refuse kinds that nobody knows, and families in no class or in two."""
        for emitter, kinds in self.emitters.items():
            unknown = set(kinds) - EVENTS
            if unknown:
                raise ValueError(f"{emitter} may not send {min(unknown)}; it is no kind of event")
        named = [family for section in self.classes.values() for family in section.families]
        for family in get_args(Family):
            if named.count(family) != 1:
                raise ValueError(f"the family {family} has to be in exactly one class")
        return self

    @model_validator(mode="after")
    def _one_policy(self) -> Self:
        """Refuse two sources of one policy."""
        if self.witnesses and self.log.policy_file is not None:
            raise ValueError("log.policy_file names the witnesses already; remove one of the two")
        return self

    @property
    def verifier_file(self) -> Path:
        """The file with the log's public key (a vkey), beside the tiles' folder."""
        return self.tiles_dir.parent / "verifier.vkey"

    @property
    def cosigner_file(self) -> Path:
        """The file with the log's public ML-DSA-44 key (a vkey), beside the other."""
        return self.tiles_dir.parent / "cosigner.vkey"

    @property
    def pulse_file(self) -> Path:
        """The file that the running archive touches, beside the database."""
        return self.database.with_suffix(".alive")

    @property
    def policy_file(self) -> Path:
        """The tlog-policy that says when a checkpoint is cosigned by enough."""
        return self.log.policy_file or self.tiles_dir.parent / "policy"

    @property
    def timestamps_dir(self) -> Path:
        """The folder of time stamps, beside the tiles' folder."""
        return self.tiles_dir.parent / "timestamps"

    @property
    def cosigning_key_file(self) -> Path:
        """The file with the log's private ML-DSA-44 key."""
        file = self.signing_key_file
        return self.log.cosigning_key_file or file.with_name(f"{file.stem}-mldsa44{file.suffix}")

    @property
    def slips(self) -> Path:
        """The folder of elimination slips: beside the one that holds the tiles' folder."""
        return self.slips_dir or self.tiles_dir.parent.parent / "archive-slips"

    @property
    def month_rules(self) -> MonthRules:
        """Return what becomes of months' keys, and when."""
        fate: Fate = "sealed" if self.month_keys == "seal" else "destroyed"
        return MonthRules(fate, self.month_grace_days * DAY)

    @property
    def allowed(self) -> dict[str, frozenset[str]]:
        """Return the kinds of records that each emitter may send."""
        servers: dict[str, frozenset[str]] = dict.fromkeys(self.servers, MESSAGES)
        return servers | {name: frozenset(kinds) for name, kinds in self.emitters.items()}


class Config(Settings):
    """The whole file: `[xmpp]`, `[archive]`, `[log]`."""

    xmpp: XmppSection
    archive: ArchiveSection
    log: LogSection = LogSection()
