import json

import pytest

from yelian.core.errors import StageError
from yelian.engine.job import FolderJob
from yelian.recipe.schema import Run


def test_part_names_that_could_leave_the_folder_are_refused(tmp_path):
    job = FolderJob("toy", "lines", tmp_path, {}, Run())
    with pytest.raises(StageError, match="bad part"):
        job.commit("../x", read=0, tables={})


def test_a_part_counts_only_once_its_ledger_is_written(tmp_path):
    job = FolderJob("toy", "lines", tmp_path, {}, Run())
    with pytest.raises(StageError):
        job.commit("0000", read=1, tables={})
    assert not job.has("0000")
    job.commit("0000", read=0, tables={})
    assert job.has("0000")
    assert json.loads((tmp_path / ".parts" / "0000.json").read_text())["read"] == 0


def test_a_command_to_paste_names_the_store_only_where_it_is_not_the_default(tmp_path):
    assert FolderJob("toy", "lines", tmp_path, {}, Run()).shell("trace", "conv-1") == "yelian trace conv-1"
    elsewhere = FolderJob("toy", "lines", tmp_path, {}, Run(store="my store"), program=".venv/bin/yelian")
    assert elsewhere.shell("trace", "conv-1") == ".venv/bin/yelian trace conv-1 --store 'my store'"
