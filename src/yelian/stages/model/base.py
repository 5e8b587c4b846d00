"""The base model as one safe Hugging Face folder, whatever it came from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import pyarrow as pa

from yelian.core.digest import Json, file_digest
from yelian.engine.stage import Job, Stage
from yelian.llm.chat import chat_of
from yelian.llm.runtime import prepare
from yelian.llm.weights import load_tokenizer, parameter_count
from yelian.recipe.schema import Recipe
from yelian.stages.model.origins import Origin, origin_of

MODEL = "model"  # the folder of every artifact that holds a whole model

FILES = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
    ]
)


class Base(Stage):
    """Makes `model/`: configuration, tokenizer and safetensors, ready to be loaded without any network."""

    NAME: ClassVar[str] = "model.base"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "files"

    def __init__(self, base: str, recipe_folder: Path) -> None:
        self._base = base
        self._recipe_folder = recipe_folder

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """Every recipe has a base."""
        return cls(recipe.model.base, recipe.folder)

    def params(self) -> Mapping[str, Json]:
        """What names the base beyond its files."""
        return self._origin().params()

    def reads(self) -> tuple[str, ...]:
        """Nothing of the store."""
        return ()

    def outside(self) -> Mapping[str, Path]:
        """The files of a local folder or GGUF file."""
        return self._origin().outside()

    def check(self) -> None:
        """The base is there, whole and safe, as far as this machine can tell."""
        self._origin().check()

    def forecast(self) -> str | None:
        """Where the base comes from."""
        return f"base model {self._origin().facts()['name']}"

    def run(self, job: Job) -> None:
        """Make the folder beside its place, rename it, and list its files."""
        prepare(job.settings.threads, "cpu")
        origin, model = self._origin(), job.folder / MODEL
        if not job.has(MODEL):
            work = job.folder / "work"
            for leftover in (work, model):
                shutil.rmtree(leftover, ignore_errors=True)
            work.mkdir()
            removed = origin.make(work / MODEL, work)
            (work / MODEL).rename(model)
            shutil.rmtree(work)
            files = _files(model)
            job.commit(MODEL, read=files.num_rows + len(removed), tables={"files": files}, removed=removed)
        for name, value in origin.facts().items():
            job.metric(name, value)
        job.metric("parameters", parameter_count(model))
        job.metric("chat_format", chat_of(load_tokenizer(model)).format.name)

    def _origin(self) -> Origin:
        return origin_of(self._base, self._recipe_folder)


def _files(folder: Path) -> pa.Table:
    paths = sorted(folder.iterdir())
    return pa.Table.from_pylist(
        [{"name": path.name, "sha256": file_digest(path), "bytes": path.stat().st_size} for path in paths],
        schema=FILES,
    )
