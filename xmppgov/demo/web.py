"""The web client's folder, which the demo's Prosody serves: our page, and Converse.js beside it."""

from __future__ import annotations

import json
from pathlib import Path

from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts(__package__)
PAGES = Path(__file__).parent / "web"
CONVERSE = PAGES / "node_modules" / "converse.js" / "dist"
FILES = ("index.html", "client.js", "style.css", "icon.svg")


def require_converse() -> None:
    """Raise where Converse.js is not installed.

    Raises:
        ConfigurationError: says the command that installs it.
    """
    if not (CONVERSE / "converse.min.js").exists():
        raise ConfigurationError(
            texts(
                "The web client is not installed; run: npm ci --ignore-scripts --prefix {folder}",
                folder=PAGES,
            )
        )


def lay_web_folder(folder: Path, domain: str) -> None:
    """Make `folder` hold the page's files, Converse.js and the settings of this domain."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = {name: PAGES / name for name in FILES} | {"converse": CONVERSE}
    for name, target in targets.items():
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    settings = {"domain": domain, "muc": f"rooms.{domain}"}
    (folder / "settings.json").write_text(json.dumps(settings) + "\n", "utf-8")
