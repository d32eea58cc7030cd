"""The log's public folder: tiles, entry bundles and the checkpoint (https://c2sp.org/tlog-tiles)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xmppgov.i18n import Texts
from xmppgov.storage.files import WriteFile, replace_file, sync_folder
from xmppgov.tlog.errors import TileInvalid
from xmppgov.tlog.tiles import ENTRIES, WIDTH, parse_tile_path, split_bundle, tile_path

texts = Texts("xmppgov_archive")
CHECKPOINT, COSIGNED = "checkpoint", "cosigned"


class LogFolder:
    """Files below `root`; `write` puts one there, of which the name is synced here."""

    def __init__(self, root: Path, write: WriteFile = replace_file) -> None:
        self.root = root
        self._write = write

    def read(self, path: str) -> bytes:
        """Return a file's bytes. Raises `TileInvalid` where there is none."""
        try:
            return (self.root / path).read_bytes()
        except OSError as error:
            raise TileInvalid(
                texts("{path}: the log's file is missing.", path=self.root / path)
            ) from error

    def bundle(self, index: int, width: int) -> list[bytes]:
        """Return the first `width` entries of a bundle. Raises `TileInvalid`."""
        path = tile_path(ENTRIES, index, width)
        try:
            entries = split_bundle(self.read(path))
        except TileInvalid:  # its partial file is gone, for it has become full
            entries = split_bundle(self.read(tile_path(ENTRIES, index)))
        if len(entries) < width:
            raise TileInvalid(texts("{path}: the file is cut short.", path=path))
        return entries[:width]

    def checkpoint(self) -> bytes | None:
        """Return the published checkpoint, None before the first."""
        return self._note(CHECKPOINT)

    def cosigned(self) -> bytes | None:
        """Return the newest checkpoint that enough have cosigned, None before the first."""
        return self._note(COSIGNED)

    def publish(self, note: bytes) -> None:
        """Put the newest checkpoint where readers find it."""
        self.write_files({CHECKPOINT: note})

    def publish_cosigned(self, note: bytes) -> None:
        """Put the newest checkpoint that enough have cosigned where readers find it."""
        self.write_files({COSIGNED: note})

    def withdraw_cosigned(self) -> None:
        """Take the cosigned checkpoint away."""
        (self.root / COSIGNED).unlink(missing_ok=True)
        sync_folder(self.root)

    def write_files(self, files: Mapping[str, bytes]) -> None:
        """Write files durably: each whole or not at all, and all of them when this returns."""
        for path, data in files.items():
            self._write(self.root / path, data)
        for folder in sorted({(self.root / path).parent for path in files}):
            sync_folder(folder)

    def _note(self, name: str) -> bytes | None:
        file = self.root / name
        return file.read_bytes() if file.exists() else None

    def prune(self, files: Mapping[str, bytes]) -> None:
        """Delete the partial tiles of those in `files` that have become full."""
        for path in files:
            level, index, width = parse_tile_path(path)
            partial = self.root / (tile_path(level, index) + ".p")
            if width == WIDTH and partial.is_dir():
                for file in partial.iterdir():
                    file.unlink()
                partial.rmdir()
