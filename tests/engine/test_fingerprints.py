import os
import time

import pytest

from yelian.core.digest import file_digest
from yelian.engine import fingerprints
from yelian.engine.fingerprints import UNREADABLE, Fingerprints


@pytest.fixture
def old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("一", encoding="utf-8")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)  # the file was written a minute ago
    return path


def test_an_unchanged_file_is_read_once(tmp_path, old_file, monkeypatch):
    first = Fingerprints(tmp_path / "memory.json")
    value = first.of({"a": old_file})
    assert value == {"a": file_digest(old_file)}
    first.save()
    monkeypatch.setattr(fingerprints, "file_digest", lambda path: pytest.fail("read again"))
    assert Fingerprints(tmp_path / "memory.json").of({"a": old_file}) == value


def test_a_changed_file_is_read_again_even_with_its_old_size_and_time(tmp_path, old_file):
    memory = Fingerprints(tmp_path / "memory.json")
    before = memory.of({"a": old_file})
    stat = old_file.stat()
    old_file.write_text("二", encoding="utf-8")
    os.utime(old_file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert memory.of({"a": old_file}) != before


def test_a_file_written_this_moment_is_not_remembered(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("一", encoding="utf-8")
    memory = Fingerprints(tmp_path / "memory.json")
    memory.of({"a": path})
    memory.save()
    assert not (tmp_path / "memory.json").exists()


def test_a_file_that_is_gone_has_a_name_of_its_own(tmp_path):
    assert Fingerprints(tmp_path / "memory.json").of({"a": tmp_path / "gone"}) == {"a": UNREADABLE}
