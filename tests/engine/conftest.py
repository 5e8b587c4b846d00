import pytest

import toy
from yelian.engine.store import Store

FILES = {f"{letter}.txt": f"{letter}一二三\nbad\n短\n{letter}四五六\n" for letter in "abcdefgh"}


@pytest.fixture
def path(tmp_path):
    return toy.project(tmp_path / "project", FILES)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")
