"""Which files a source holds, and which of them are not read at all, without opening any.

Sorted by path, so that the order is the same on any machine. Hidden files and folders (names that start with a dot)
are left out and not counted: they are `.git`, `.DS_Store` and editors' own. Links are followed to files inside their
source, never out of it; linked folders are not entered, since what they hold inside is read in its own place.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yelian.core.ledger import Removal
from yelian.recipe.schema import Source
from yelian.stages.corpus.readers import READERS

JSONL = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Found:
    """One file: where it lies, its name on any machine, its size in bytes, and its source."""

    path: Path
    uri: str
    size: int
    source: Source

    @property
    def suffix(self) -> str:
        """Lower-case suffix with its dot."""
        return self.path.suffix.lower()


def source_name(source: Source, folder: Path) -> str:
    """First part of the URIs of a source: its name, or the last part of its path."""
    return source.name or _printable((folder / source.path).resolve().name)


def scan(source: Source, folder: Path, max_bytes: float) -> Iterator[Found | Removal]:
    """Every file of a source in order: found, or rejected for what `stat` alone says of it."""
    root = folder / source.path
    name = source_name(source, folder)
    if not root.is_dir():
        yield _judge(root, f"{name}/{_printable(root.name)}", None, source, max_bytes)
        return
    real_root = root.resolve()
    for path, closed in _walk(root):
        uri = f"{name}/{_printable(path.relative_to(root).as_posix())}"
        if closed:
            yield Removal("rejected", "unreadable", uri, detail=closed)
        else:
            yield _judge(path, uri, real_root, source, max_bytes)


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files and links below a folder; a folder that cannot be listed comes with the reason."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield folder, error.strerror or str(error)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path), ""


def _judge(path: Path, uri: str, root: Path | None, source: Source, max_bytes: float) -> Found | Removal:
    """`root` is None for a source that is one file: its author named it, wherever it leads."""
    try:
        real = path.resolve(strict=True)
        about = real.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, before Python 3.13
        return Removal("rejected", "unreadable", uri, detail=getattr(error, "strerror", None) or str(error))
    if root is not None and not real.is_relative_to(root):
        return Removal("rejected", "link_outside", uri, detail="the link leads out of its source folder")
    if stat.S_ISDIR(about.st_mode):
        return Removal("dropped", "linked_folder", uri, detail="what it links to is read in its own place")
    found = Found(path, uri, about.st_size, source)
    if not stat.S_ISREG(about.st_mode) or found.suffix not in (*READERS, *JSONL):
        detail = f"no reader for {found.suffix or 'a name without suffix'}; known: {', '.join((*READERS, *JSONL))}"
        return Removal("rejected", "unsupported_type", uri, detail=detail)
    if about.st_size > max_bytes:
        return Removal("rejected", "too_large", uri, detail=f"{about.st_size} bytes, the limit is {max_bytes:.0f}")
    if not os.access(real, os.R_OK):
        return Removal("rejected", "unreadable", uri, detail="no permission to read it")
    return found


def _printable(name: str) -> str:
    """File names are bytes; those that are not UTF-8 are written with backslash escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
