"""The demo records its groups in full, and says so where a person sees it."""

from __future__ import annotations

from pathlib import Path

from xmppgov.demo import screen

ROOT = Path(__file__).parents[3]


def test_who_starts_the_demo_is_told_of_its_groups() -> None:
    level = 'xmppgov_capture_level = { ["class:group"] = "full" }'
    assert level in (ROOT / "prosody" / "demo.cfg.lua").read_text("utf-8")
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert "The demo archives its parliamentary groups in full" in readme
    assert "default groups are only counted" in readme
    assert "by default groups are only counted" in screen.GROUPS.in_language("en")
    assert "seulement comptés" in screen.GROUPS.in_language("fr")
