import io
import sys

import pytest

from project import yelian
from yelian.cli.chat import _folders, _typed
from yelian.core.errors import InputError


def test_a_folder_without_a_model_is_refused_by_name(tmp_path):
    (tmp_path / "empty").mkdir()
    done = yelian(tmp_path, "chat", "empty", "--prompt", "你好")
    assert done.returncode == 4
    assert "no config.json" in done.stderr


def test_an_unknown_model_is_refused_with_the_known_ids(tmp_path):
    (tmp_path / ".yelian").mkdir()
    with pytest.raises(InputError, match=r"no run or artifact model\.tune-1"):
        _folders("model.tune-1", tmp_path / ".yelian")


def test_a_model_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert _folders(str(tmp_path), tmp_path) == (tmp_path, None)


def test_an_empty_line_or_the_end_of_input_ends_the_talk(monkeypatch):
    for text in ("你好\n再见\n\n不算\n", "你好\n再见\n"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        assert list(_typed()) == ["你好", "再见"]
