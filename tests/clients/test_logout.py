"""Somebody leaves a shared computer, and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.converse import Chromium, Converse
from tests.demo_process import Demo

pytestmark = pytest.mark.clients


def test_after_logging_out_no_password_is_left_and_the_next_login_works(
    demo: Demo, browser: Chromium, tmp_path: Path
) -> None:
    login = next(one for one in reversed(demo.ready["accounts"]) if one["groups"])
    page = Converse(browser, demo.ready["web_url"], tmp_path)
    try:
        room = f"{login['groups'][0]}@{demo.ready['services']['muc']}"
        page.log_in(login["jid"], login["password"])
        page.open_room(room)
        page.log_out()
        page.log_in(login["jid"], login["password"])
        page.open_room(room)
        page.wait_for_padlock()
        assert page.foreign == []
    finally:
        page.close()
