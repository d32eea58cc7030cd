"""The configuration file of each component and bot, from the templates beside this module.

They are written at each start, since the ports may differ; paths in them are relative to the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from string import Template

from xmppgov.demo.officers import make_officers
from xmppgov.demo.prosody import Ports, write_secret
from xmppgov.demo.witnesses import (
    WITNESSES,
    key_name,
    make_log_key,
    make_witness_key,
    witness_ports,
)

TEMPLATES = Path(__file__).parent / "templates"
WITNESS = "witness"
SECRETS = ("alertes", "annuaire", "operateur", "alerts-text", "webhook")
"""Secrets beside those of the components: accounts of bots and of the operator, keys."""


def write_settings(state: Path, domain: str, ports: Ports) -> dict[str, Path]:
    """Write `NAME.toml` below `state` for every process, and the secrets that they name.

    Returns the files by name.
    """
    for name in SECRETS:
        write_secret(state / "secrets" / name)
    make_officers(state / "archive-officers")
    values = _values(state, domain, ports)
    written = {}
    for template in sorted(TEMPLATES.glob("*.toml")):
        if template.stem != WITNESS:
            written[template.stem] = _write(template, state / template.name, values)
    for process, port in witness_ports(ports).items():
        own = {"process": process, "port": port, "key_name": key_name(process, domain)}
        path = state / f"{process}.toml"
        written[process] = _write(TEMPLATES / f"{WITNESS}.toml", path, values | own)
    return written


def _values(state: Path, domain: str, ports: Ports) -> dict[str, object]:
    """Return what the templates name; keys of log and witnesses are made for it."""
    values = {"domain": domain, **asdict(ports)}
    values["log_vkey"] = make_log_key(state, f"archive.{domain}/log")
    for process, institution in WITNESSES.items():
        values[f"{process}_name"] = institution
        values[f"{process}_vkey"] = make_witness_key(state, process, domain)
    return values


def _write(template: Path, path: Path, values: Mapping[str, object]) -> Path:
    path.write_text(Template(template.read_text("utf-8")).substitute(values), "utf-8")
    return path
