"""Files that are either whole or absent: written beside their place, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from yelian.core.errors import TransientError

BESIDE = ".partial"  # suffix of a file that is still being written


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on a clean exit it is synced and renamed to `path`.

    On an exception, nothing appears at `path`. A full disk becomes a TransientError that says so.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}{BESIDE}")  # two runs may write one file at the same time
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield beside
            sync(beside)
            beside.replace(path)
            sync(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file atomically."""
    with atomic(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the OSError of a full disk or quota, met while writing at `path`, into a TransientError that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise TransientError(
            f"no space left on the disk that holds {path}",
            fix="free some space and run the same command again: it goes on from the parts that are there",
        ) from error
