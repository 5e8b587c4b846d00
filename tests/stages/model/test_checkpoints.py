from __future__ import annotations

from pathlib import Path

from yelian.stages.model.checkpoints import newest_whole, seal


def checkpoint(folder: Path, step: int, whole: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "weights").write_bytes(bytes(step))
    if whole:
        seal(path)
    return path


def test_the_newest_is_taken_by_number_not_by_name(tmp_path: Path) -> None:
    checkpoint(tmp_path, 9)
    newest = checkpoint(tmp_path, 10)
    assert newest_whole(tmp_path) == newest


def test_without_a_seal_the_one_before_is_taken_and_the_broken_one_is_gone(tmp_path: Path) -> None:
    good, broken = checkpoint(tmp_path, 9), checkpoint(tmp_path, 10, whole=False)
    assert newest_whole(tmp_path) == good
    assert not broken.exists()


def test_a_file_changed_or_missing_since_the_seal_breaks_a_checkpoint(tmp_path: Path) -> None:
    good = checkpoint(tmp_path, 8)
    (checkpoint(tmp_path, 9) / "weights").unlink()
    (checkpoint(tmp_path, 10) / "weights").write_bytes(b"cut")
    assert newest_whole(tmp_path) == good


def test_a_folder_without_any_gives_none(tmp_path: Path) -> None:
    assert newest_whole(tmp_path / "absent") is None
