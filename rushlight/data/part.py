"""The part of a download that came before it broke off, kept for the next try."""

import contextlib
import json
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

MAX_FACTS = 4096  # bytes of the first line


class Part:
    """A file that holds what has come of another, after a line that says of which.

    Nothing depends on it: where it cannot be written or read, a download begins anew. Its bytes
    are to be believed only once the whole has the right checksum.

    Args:
        path: where it lies; None keeps nothing.
        url: what it is a part of.
    """

    def __init__(self, path: Path | None, url: str) -> None:
        self.path = path
        self.url = url
        self.tag = ""  # by which the server tells this content from another
        self.total: int | None = None  # bytes of the whole, where they were announced
        self._file: BinaryIO | None = None

    def load(self, limit: int) -> bytes:
        """Return the bytes that have come, none where there is no part of this address."""
        self.tag, self.total = "", None
        if self.path is None or not self.path.is_file():  # to open a pipe may wait forever
            return b""
        try:
            with open(self.path, "rb") as file:
                facts = json.loads(file.readline(MAX_FACTS))
                content = file.read(limit + 1)
        except (OSError, ValueError, RecursionError):
            return b""
        if not isinstance(facts, dict) or facts.get("url") != self.url or len(content) > limit:
            return b""
        tag, total = facts.get("tag"), facts.get("total")
        if not _is_header(tag) or not (total is None or type(total) is int):
            return b""
        self.tag, self.total = tag, total
        return content

    def begin(self, content: bytes, tag: str, total: int | None) -> None:
        """Keep what comes from now on, after `content`, which is there already."""
        self.tag, self.total = tag, total
        facts = {"url": self.url, "tag": tag, "total": total}
        if self.path is None or (self.path.exists() and not self.path.is_file()):
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb")
        self.add(json.dumps(facts).encode() + b"\n" + content)

    def add(self, chunk: bytes) -> None:
        """Keep more bytes."""
        if self._file is not None:
            try:
                self._file.write(chunk)
            except OSError:
                self.discard()

    def close(self) -> None:
        """Write what is still in memory."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def discard(self) -> None:
        """Remove the part."""
        self.close()
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()


def _is_header(value: Any) -> TypeGuard[str]:
    """Return whether a text can stand in a header of a request."""
    return isinstance(value, str) and value.isascii() and (value.isprintable() or not value)
