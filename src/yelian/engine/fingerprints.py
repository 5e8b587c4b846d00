"""Digests of outside files, read again only when a file has changed.

A file counts as unchanged while its size, inode, change time and modification time are: git's index rule. A file
touched less than two seconds before it was read is not remembered, because a second write may leave the times as
they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from yelian.core import files
from yelian.core.digest import file_digest

UNREADABLE = "unreadable"  # stands for the digest of a file that may not be read; the stage rejects it by name
_RACY_SECONDS = 2.0


class Fingerprints:
    """A remembered digest per file; `save` keeps them for the next command."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._known: dict[str, list[int | str]] = {}
        if memory.exists():
            self._known = json.loads(memory.read_text(encoding="utf-8"))
        self._changed = False

    def of(self, outside: Mapping[str, Path]) -> dict[str, str]:
        """SHA-256 of each file by its name; UNREADABLE where the file may not be read or is gone."""
        return {name: self._one(path) for name, path in sorted(outside.items())}

    def save(self) -> None:
        """Write what was learnt, when anything was."""
        if self._changed:
            files.write_text(self._memory, json.dumps(self._known))

    def _one(self, path: Path) -> str:
        key = str(path.resolve())
        try:
            stat = path.stat()
            mark: list[int | str] = [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]
            known = self._known.get(key)
            if known and known[:4] == mark:
                return str(known[4])
            value = file_digest(path)
        except (PermissionError, FileNotFoundError):
            return UNREADABLE
        if time.time() - max(stat.st_mtime, stat.st_ctime) > _RACY_SECONDS:
            self._known[key] = [*mark, value]
            self._changed = True
        return value
