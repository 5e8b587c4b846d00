from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from stages.model.material import ONE_THREAD
from support import recipe, run_stage
from tiny import tiny_model
from yelian.engine.stage import Artifact
from yelian.stages.model.base import Base


@pytest.fixture(scope="session")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("source") / "gemma")


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("source") / "llama", "llama")


@pytest.fixture(scope="session")
def bases(gemma: Path, llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Artifact]:
    """The two stand-ins as artifacts of model.base."""

    def made(source: Path) -> Artifact:
        stage = Base.from_recipe(recipe(source.parent, model={"base": source.name}))
        return run_stage(stage, tmp_path_factory.mktemp("base"), run=ONE_THREAD)

    return {"gemma": made(gemma), "llama": made(llama)}
