from collections.abc import Callable
from pathlib import Path

import pytest

from project import make_project
from tiny import tiny_model


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory) -> Callable[[], Path]:
    """A maker of fresh projects; they share one tiny base model."""
    base = tiny_model(tmp_path_factory.mktemp("base"))
    return lambda: make_project(tmp_path_factory.mktemp("project") / "here", base)
