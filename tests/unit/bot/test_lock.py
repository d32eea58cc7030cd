"""One process for a bot's database."""

from pathlib import Path

import pytest

from xmppgov.bot.lock import only_process
from xmppgov.errors import StorageError


def test_a_second_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bot.sqlite"
    with only_process(path), pytest.raises(StorageError), only_process(path):
        pass
    with only_process(path):
        pass
