import errno
import os
import subprocess
import sys

import pytest

from yelian.core.errors import TransientError
from yelian.core.files import atomic, explained, write_text


def test_nothing_appears_when_the_writer_fails(tmp_path):
    def fail() -> None:
        with atomic(tmp_path / "a" / "out.txt") as beside:
            beside.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert list((tmp_path / "a").iterdir()) == []


def test_an_old_file_stays_whole_until_the_new_one_is(tmp_path):
    target = tmp_path / "out.txt"
    write_text(target, "old")
    with atomic(target) as beside:
        beside.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


def test_a_full_disk_is_named_and_other_errors_pass(tmp_path):
    with pytest.raises(TransientError, match="no space left"), explained(tmp_path / "x"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(PermissionError), explained(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "no")


def test_a_killed_writer_leaves_no_file_of_that_name(tmp_path):
    code = (
        "import os, sys, signal; from pathlib import Path; from yelian.core.files import atomic\n"
        "with atomic(Path(sys.argv[1])) as beside:\n"
        "    beside.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.txt")], check=False)
    assert done.returncode == -9
    assert not (tmp_path / "out.txt").exists()


def test_two_processes_may_write_one_file_at_the_same_time(tmp_path):
    code = (
        "import sys; from pathlib import Path; from yelian.core.files import write_text\n"
        "for _ in range(300): write_text(Path(sys.argv[1]), sys.argv[2] * 20_000)\n"
    )
    target = tmp_path / "shared.json"
    both = [subprocess.Popen([sys.executable, "-c", code, str(target), letter]) for letter in "ab"]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert target.read_text() in ("a" * 20_000, "b" * 20_000)
    assert list(tmp_path.iterdir()) == [target]
