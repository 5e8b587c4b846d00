import json
import subprocess
import sys
from pathlib import Path

import pytest

from yelian import __version__

YELIAN = Path(sys.executable).with_name("yelian")


def yelian(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([YELIAN, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd)


def test_the_command_line_loads_nothing_heavy():
    code = "import sys, yelian.cli.main; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "typer" in done.stdout
    for heavy in ("torch", "ray", "daft", "transformers", "pyarrow", "pydantic", "numpy"):
        assert f"'{heavy}'" not in done.stdout


def test_help_names_every_command_and_the_exit_codes():
    done = yelian("--help")
    assert done.returncode == 0
    for word in ("init", "plan", "run", "runs", "show", "trace", "diff", "chat", "Exit codes"):
        assert word in done.stdout


def test_version_is_the_packages():
    assert yelian("--version").stdout == f"yelian {__version__}\n"


def test_wrong_usage_exits_with_2():
    assert yelian("run").returncode == 2
    assert yelian("cook").returncode == 2


def test_a_recipe_to_mend_exits_with_3_and_names_file_line_and_word(tmp_path):
    (tmp_path / "recipe.yaml").write_text("yelian: 1\nnmae: x\n", encoding="utf-8")
    done = yelian("plan", "recipe.yaml", cwd=tmp_path)
    assert done.returncode == 3
    assert "recipe.yaml:2: unknown key 'nmae'" in done.stderr
    assert "did you mean 'name'?" in done.stderr
    assert done.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.yaml"]


def test_a_missing_recipe_exits_with_3(tmp_path):
    assert yelian("run", tmp_path / "recipe.yaml").returncode == 3


def test_a_missing_store_exits_with_4_and_says_where_to_go(tmp_path):
    done = yelian("runs", cwd=tmp_path)
    assert done.returncode == 4
    assert "no store at .yelian" in done.stderr


def test_init_makes_a_project_that_plans_and_touches_no_folder_in_use(tmp_path):
    done = yelian("init", tmp_path / "mine")
    assert done.returncode == 0
    assert "yelian run" in done.stdout
    (tmp_path / "mine" / "documents" / "a.txt").write_text("标题\n\n正文。\n", encoding="utf-8")
    planned = yelian("plan", tmp_path / "mine" / "recipe.yaml", "--until", "instruct", "--json", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert [step["stage"] for step in json.loads(planned.stdout)["steps"]] == [
        "corpus.read",
        "corpus.clean",
        "instruct.build",
    ]
    again = yelian("init", tmp_path / "mine")
    assert again.returncode == 4
    assert "not an empty folder" in again.stderr


@pytest.mark.parametrize("command", ["runs", "show"])
def test_an_empty_store_lists_nothing_as_json(tmp_path, command):
    (tmp_path / ".yelian").mkdir()
    assert json.loads(yelian(command, "--json", cwd=tmp_path).stdout) == []
    assert "yelian run" in yelian(command, cwd=tmp_path).stderr
