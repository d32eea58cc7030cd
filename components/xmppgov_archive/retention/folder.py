"""Where elimination slips are kept: a folder of its own, apart from the public log."""

from __future__ import annotations

from pathlib import Path

from xmppgov.storage.files import WriteFile, write_file
from xmppgov_archive.retention import paper, seda
from xmppgov_archive.retention.slip import Slip, SlipInvalid


class SlipFolder:
    """The slips below `root`: CSV and page when promised, the archives' message when done."""

    def __init__(self, root: Path, write: WriteFile = write_file) -> None:
        self.root = root
        self._write = write

    def write(self, slip: Slip) -> None:
        """Put a slip on disk, with its page. Raises `OSError`."""
        self._write(self._file(slip, "html"), paper.page(slip))
        self._write(self._file(slip, "csv"), slip.encode())

    def has(self, encoded: bytes) -> bool:
        """Tell whether a slip (its CSV) is one that was written here."""
        try:
            return self._file(Slip.parse(encoded), "csv").read_bytes() == encoded
        except (OSError, SlipInvalid):
            return False

    def discard(self, slip: Slip) -> None:
        """Remove a slip that came to nothing."""
        for ending in ("csv", "html"):
            self._file(slip, ending).unlink(missing_ok=True)

    def notify(self, encoded: bytes) -> None:
        """Put the notice of what a slip (its CSV) says on disk, for the archives."""
        slip = Slip.parse(encoded)
        self._write(self._file(slip, "xml"), seda.notice(slip))

    def draft(self, slip: Slip) -> list[Path]:
        """Put a draft on disk, with the message that asks for the visa; return its files."""
        self.write(slip)
        self._write(self._file(slip, "xml"), seda.request(slip))
        return [self._file(slip, ending) for ending in ("csv", "html", "xml")]

    def _file(self, slip: Slip, ending: str) -> Path:
        return self.root / f"{slip.name}.{ending}"
