"""Which checkpoints are whole. A killed run leaves a last one that may not be, and goes on from the one before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from yelian.core.digest import file_digest
from yelian.core.files import write_text

PREFIX = "checkpoint-"  # transformers' own
SEAL = "seal.json"  # written last: the digest of every file of the checkpoint


def seal(checkpoint: Path) -> None:
    """Say that the checkpoint is whole."""
    write_text(checkpoint / SEAL, json.dumps(_digests(checkpoint), sort_keys=True))


def step_of(checkpoint: Path) -> int:
    """The optimizer step after which it was written."""
    return int(checkpoint.name.removeprefix(PREFIX))


def newest_whole(folder: Path) -> Path | None:
    """The newest whole checkpoint; broken ones are deleted on the way, as transformers would count them."""
    for checkpoint in sorted(folder.glob(f"{PREFIX}*"), key=step_of, reverse=True):
        if _is_whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def _is_whole(checkpoint: Path) -> bool:
    path = checkpoint / SEAL
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")) == _digests(checkpoint)


def _digests(checkpoint: Path) -> dict[str, str]:
    return {path.name: file_digest(path) for path in checkpoint.iterdir() if path.is_file() and path.name != SEAL}
