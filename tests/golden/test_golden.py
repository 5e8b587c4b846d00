"""Output changed and VERSION not: the cache would go on serving the old output, so the test fails.

Each `<stage>.json` beside this file holds the stage's VERSION and the digest of what it makes of a small fixed input.
"""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.corpus.samples import fill
from stages.instruct.articles import document
from support import recipe, run_stage
from yelian.core import files, records
from yelian.core.digest import digest
from yelian.core.records import Document
from yelian.engine.stage import Artifact
from yelian.stages.corpus.clean import Clean
from yelian.stages.corpus.read import Read
from yelian.stages.instruct.build import Build
from yelian.stages.instruct.tasks import list_tasks

HERE = Path(__file__).parent


def guard(stage: type, artifact: Artifact, file: Path) -> None:
    """Compare the digest of all tables, removals included, with the recorded one."""
    tables = {
        folder.name: [row for part in sorted(folder.glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
        for folder in sorted(artifact.path.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
    }
    now = {"version": stage.VERSION, "digest": digest(tables)}
    recorded = json.loads(file.read_text(encoding="utf-8"))
    if now["version"] == recorded["version"]:
        assert now["digest"] == recorded["digest"], (
            f"{stage.NAME} makes another output than before under the same VERSION {stage.VERSION}. If that is meant, "
            f"raise {stage.__name__}.VERSION, or else stores keep serving the old output; then write {now} (with the "
            f"new version) into {file.name}. If it is not meant, find the change in {stage.__name__} or what it calls."
        )
    assert now == recorded, f"{stage.NAME} has VERSION {stage.VERSION}: write {now} into {file.name}"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory) -> dict[str, Artifact]:
    folder = tmp_path_factory.mktemp("golden")
    docs = fill(folder / "docs")
    (docs / "broken.pdf").write_bytes(b"no pdf")
    (docs / "copy.txt").write_bytes((docs / "a.txt").read_bytes())
    wanted = recipe(folder, instruct={"tasks": tuple(task.id for task in list_tasks("media"))})
    read = run_stage(Read.from_recipe(wanted), folder / "read")
    clean = run_stage(Clean.from_recipe(wanted), folder / "clean", {"corpus.read": read})
    files.write_table(folder / "articles" / "train" / "0.parquet", records.table(Document, [document()]))
    inputs = {"corpus.clean": Artifact("x", folder / "articles", {})}
    return {"read": read, "clean": clean, "build": run_stage(Build.from_recipe(wanted), folder / "build", inputs)}


@pytest.mark.parametrize(("stage", "key"), [(Read, "read"), (Clean, "clean"), (Build, "build")])
def test_output_and_version_change_together(artifacts, stage, key):
    guard(stage, artifacts[key], HERE / f"{stage.NAME}.json")


@pytest.mark.parametrize(("version", "said"), [(1, "raise Clean.VERSION"), (0, "write {'version': 1")])
def test_the_guard_notices_and_says_what_to_do(artifacts, tmp_path, version, said):
    recorded = tmp_path / "corpus.clean.json"
    recorded.write_text(json.dumps({"version": version, "digest": "0" * 64}), encoding="utf-8")
    with pytest.raises(AssertionError, match=said):
        guard(Clean, artifacts["clean"], recorded)
