"""The artifact store: folders named by what they were made from, whole or absent, never overwritten.

<root>/artifacts/<id>/     sealed artifacts, each with its manifest.json
<root>/building/<id>/      artifacts in the making; a killed run leaves one, the next run goes on from it
<root>/locks/<id>.lock     one builder per artifact
<root>/runs/<id>.json      what each run did
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock

from yelian.core import files
from yelian.core.digest import Json, digest, file_digest
from yelian.core.errors import InputError, StageError
from yelian.engine.job import PARTS, Display
from yelian.engine.stage import Artifact

MANIFEST = "manifest.json"
KEY_HEX = 16  # 64 bits name an artifact; the whole digest stands in its manifest


def artifact_id(stage: str, key: Mapping[str, Json]) -> str:
    """The name of the artifact made by `stage` from `key` (version, parameters, input digests)."""
    return f"{stage}-{digest({'stage': stage, **key})[:KEY_HEX]}"


class Store:
    """One folder of artifacts and runs. Creating the object touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def runs(self) -> Path:
        """Folder of run records."""
        return self.root / "runs"

    def path(self, artifact: str) -> Path:
        """Where the sealed artifact is, or will be."""
        return self.root / "artifacts" / artifact

    def building(self, artifact: str) -> Path:
        """Where the artifact is being made."""
        return self.root / "building" / artifact

    def has(self, artifact: str) -> bool:
        """Whether the artifact is there, whole."""
        return (self.path(artifact) / MANIFEST).exists()

    def started(self, artifact: str) -> int:
        """Parts that a killed run left behind for this artifact."""
        return len(list((self.building(artifact) / PARTS).glob("*.json")))

    def get(self, artifact: str) -> Artifact:
        """A sealed artifact; InputError when it is not there."""
        path = self.path(artifact)
        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                f"no artifact {artifact} in {self.root}", fix="list what is there with `yelian show`"
            ) from None
        return Artifact(artifact, path, manifest)

    def all(self) -> list[Artifact]:
        """Every sealed artifact, oldest first."""
        folder = self.root / "artifacts"
        ids = [path.name for path in folder.iterdir() if self.has(path.name)] if folder.is_dir() else []
        return sorted((self.get(each) for each in ids), key=lambda a: (a.manifest["created_at"], a.id))

    @contextlib.contextmanager
    def lock(self, artifact: str, display: Display) -> Iterator[None]:
        """Be the only one, on this machine, who makes this artifact. Waits for another run that is at it."""
        path = self.root / "locks" / f"{artifact}.lock"
        with files.explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            display.note(f"waiting: another run is making {artifact}")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def seal(self, artifact: str, manifest: Mapping[str, Any]) -> Artifact:
        """Turn the folder in the making into the artifact: digest and sync every file, write the manifest, rename."""
        folder, place = self.building(artifact), self.path(artifact)
        if place.exists():
            raise StageError(f"artifact {artifact} exists already", fix="report this fault; nothing was overwritten")
        shutil.rmtree(folder / PARTS, ignore_errors=True)
        listing: dict[str, dict[str, Any]] = {}
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            if path.name.endswith(files.BESIDE):
                path.unlink()
                continue
            listing[path.relative_to(folder).as_posix()] = {"sha256": file_digest(path), "bytes": path.stat().st_size}
            files.sync(path)
        whole = {**manifest, "files": listing, "content": digest(listing)}
        files.write_text(folder / MANIFEST, json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True))
        for path in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
            files.sync(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.rename(folder, place)  # noqa: PTH104 - rename, unlike replace, says that nothing may be overwritten
        files.sync(place.parent)
        return Artifact(artifact, place, whole)
