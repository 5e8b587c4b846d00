"""The release: a folder that any program loads, with two cards and a list of where each of their figures is from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa

from yelian.core import files
from yelian.core.digest import Json, file_digest
from yelian.engine.stage import Artifact, Job, Stage
from yelian.recipe.schema import Recipe
from yelian.stages.release import cards
from yelian.stages.release.terms import Terms, terms_of

FORMAT = 1  # of release.json
FOLDER, INDEX, NOTICE = "release", "release.json", "NOTICE"
CARDS = {"MODEL_CARD.md": "model_card", "DATA_CARD.md": "data_card"}
DATA_STAGES = ("corpus.read", "corpus.clean", "instruct.build")
UNKNOWN = "unknown"
SCHEMA = pa.schema([("path", pa.string()), ("bytes", pa.int64()), ("sha256", pa.string())])


class Pack(Stage):
    """Merged weights, adapter, cards and index in `release/`. The ledger counts the files written."""

    NAME: ClassVar[str] = "release.pack"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "files"

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._model = "model.trim" if recipe.model.trim else "model.base"

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """Every recipe ends in a release."""
        return cls(recipe)

    def params(self) -> Mapping[str, Json]:
        """What the cards say beside what the artifacts hold."""
        return {
            "name": self._recipe.name,
            "language": self._recipe.language,
            "base_model": self._recipe.model.base,
            "tasks": list(self._recipe.instruct.tasks),
            "licence": self._recipe.release.licence,
            "contact": self._recipe.release.contact,
        }

    def reads(self) -> tuple[str, ...]:
        """The model, and all its history that a card names."""
        trim = ("model.trim",) if self._recipe.model.trim else ()
        return (*DATA_STAGES, "model.base", *trim, "model.tune", "assay.report")

    def run(self, job: Job) -> None:
        """Write the folder anew: what a killed run left half done is thrown away."""
        if job.has("files"):
            return
        out = job.folder / FOLDER
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        inputs = {stage: job.inputs[stage] for stage in self.reads()}
        self._weights(inputs, out, job.settings.threads)
        terms = terms_of(inputs["model.base"].metrics, inputs[self._model].path / "model")
        if terms is not None and terms.notice:
            files.write_text(out / NOTICE, terms.notice + "\n")
        figures = []
        for file, card in CARDS.items():
            text, taken = cards.render(card, self._recipe.language, inputs, **self._facts(inputs, terms))
            files.write_text(out / file, text)
            figures += [{"card": file, **each} for each in taken]
        index = self._index(inputs, figures, listing(out))
        files.write_text(out / INDEX, json.dumps(index, ensure_ascii=False, indent=1))
        written = listing(out)
        job.metric("bytes", sum(each["bytes"] for each in written))
        job.commit("files", read=len(written), tables={"files": pa.Table.from_pylist(written, schema=SCHEMA)})

    def _weights(self, inputs: Mapping[str, Artifact], out: Path, threads: int | None) -> None:
        from yelian.llm.local import save_merged
        from yelian.llm.runtime import prepare

        prepare(threads, "cpu")
        adapter = inputs["model.tune"].path / "adapter"
        save_merged(inputs[self._model].path / "model", adapter, out)
        shutil.copytree(adapter, out / "adapter")
        for path in out.rglob("*"):  # safetensors makes files that only their owner may read
            path.chmod(0o755 if path.is_dir() else 0o644)

    def _facts(self, inputs: Mapping[str, Artifact], terms: Terms | None) -> dict[str, Any]:
        """What the cards say that is no figure."""
        report = json.loads((inputs["assay.report"].path / cards.REPORT).read_text(encoding="utf-8"))
        codes = [warning["code"] for warning in report["warnings"]]
        licence = self._recipe.release.licence
        return {
            "name": self._recipe.name,
            "base": self._recipe.model.base,
            "hub_id": terms.hub_id if terms else inputs["model.base"].metrics["name"],
            "tasks": self._recipe.instruct.tasks,
            "licence": licence,
            "hub_licence": terms.hub_licence if terms else licence.lower() if licence != UNKNOWN else UNKNOWN,
            "contact": self._recipe.release.contact,
            "terms": terms,
            "data_stages": DATA_STAGES,
            "ledgers": {stage: inputs[stage].manifest["ledger"] for stage in DATA_STAGES},
            "unknown_row": codes.index("licence_unknown") if "licence_unknown" in codes else None,
        }

    def _index(
        self, inputs: Mapping[str, Artifact], figures: list[dict[str, str]], written: list[dict[str, Any]]
    ) -> dict[str, Any]:
        return {
            "format": FORMAT,
            **self.params(),
            "artifacts": {stage: artifact.id for stage, artifact in inputs.items()},
            "figures": figures,
            "files": written,
        }


def listing(folder: Path) -> list[dict[str, Any]]:
    """Every file below the folder with its size and SHA-256, by path."""
    return [
        {"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": file_digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
