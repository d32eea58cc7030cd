"""The configuration file of each component and bot, from the templates beside this module.

They are written at each start, since the ports may differ; paths in them are relative to the state.
"""

from __future__ import annotations

from pathlib import Path
from string import Template

from xmppgov.demo.officers import make_officers
from xmppgov.demo.prosody import Ports, write_secret

TEMPLATES = Path(__file__).parent / "templates"
SECRETS = ("alertes", "annuaire", "operateur", "alerts-text", "webhook")
"""Secrets beside those of the components: accounts of bots and of the operator, keys."""


def write_settings(state: Path, domain: str, ports: Ports) -> dict[str, Path]:
    """Write `NAME.toml` below `state` for every template, and the secrets that they name.

    Returns the files by name.
    """
    for name in SECRETS:
        write_secret(state / "secrets" / name)
    make_officers(state / "archive-officers")
    values = {
        "domain": domain,
        "c2s": ports.c2s,
        "component": ports.component,
        "webhook": ports.webhook,
    }
    written = {}
    for template in sorted(TEMPLATES.glob("*.toml")):
        path = written[template.stem] = state / template.name
        path.write_text(Template(template.read_text("utf-8")).substitute(values), "utf-8")
    return written
