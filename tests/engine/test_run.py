import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import toy
from toy import planned, ran
from yelian.core.errors import StageError, TransientError
from yelian.engine.job import FolderJob
from yelian.engine.run import run_records
from yelian.engine.store import MANIFEST, Store


def test_a_run_makes_every_artifact_and_its_ledgers_balance(path, store):
    result = ran(path, store)
    assert result.computed == ("toy.read", "toy.talk", "toy.count")
    assert result.ledgers_balance
    read = result.artifacts["toy.read"]
    assert read.manifest["ledger"] == {
        "unit": "lines",
        "read": 32,
        "kept": 24,
        "dropped": {},
        "rejected": {"bad_line": 8},
    }
    assert read.count("documents") == read.manifest["counts"]["documents"] == 24
    assert result.artifacts["toy.talk"].ledger.dropped == {"too_short": 8}
    assert (result.artifacts["toy.count"].path / "count.txt").read_text() == "16"


def test_a_second_run_does_no_work(path, store):
    first, second = ran(path, store), ran(path, store)
    assert second.computed == ()
    assert {k: v.id for k, v in first.artifacts.items()} == {k: v.id for k, v in second.artifacts.items()}


def test_a_stage_whose_ledger_does_not_balance_stops_the_run_and_publishes_nothing(path, store, monkeypatch):
    honest = FolderJob.commit

    def lying(self, part, *, read, tables, removed=()):
        honest(self, part, read=read + 1, tables=tables, removed=removed)

    monkeypatch.setattr(FolderJob, "commit", lying)
    with pytest.raises(StageError, match="does not balance"):
        ran(path, store)
    assert store.all() == []
    assert [record["status"] for record in run_records(store)] == ["failed"]


def test_the_manifest_says_what_went_in_what_came_out_and_what_it_cost(path, store):
    result = ran(path, store, "run.price_per_hour=3.6")
    manifest = result.artifacts["toy.talk"].manifest
    assert manifest["inputs"] == {"toy.read": result.artifacts["toy.read"].id}
    assert manifest["params"] == {"seed": 0}
    assert manifest["libraries"].keys() >= {"yelian", "python", "pyarrow"}
    assert set(manifest["files"]) == {f"{table}/0000.parquet" for table in ("train", "removed")} | {
        f"{table}/{index:04}.parquet" for table in ("train", "removed") for index in range(8)
    }
    assert manifest["cost"]["peak_memory_mb"] > 10
    assert manifest["cost"]["money"] == pytest.approx(manifest["cost"]["wall_seconds"] * 0.001, abs=1e-4)
    assert manifest["cost"]["currency"] == "CNY"
    read = result.artifacts["toy.read"].manifest
    assert read["outside_paths"]["lines/a.txt"] == str(path.parent / "lines" / "a.txt")


def test_runs_are_recorded_with_what_they_computed(path, store):
    ran(path, store)
    ran(path, store)
    records = run_records(store)
    assert [record["status"] for record in records] == ["done", "done"]
    assert [[step["computed"] for step in record["steps"]] for record in records] == [[True] * 3, [False] * 3]


def test_a_full_disk_is_the_surroundings_fault_and_the_next_run_goes_on(path, store, monkeypatch):
    import errno

    calls = []
    whole = FolderJob.commit

    def full_after_three(self, part, **rest):
        calls.append(part)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(self, part, **rest)

    monkeypatch.setattr(FolderJob, "commit", full_after_three)
    with pytest.raises(TransientError, match="no space left"):
        ran(path, store)
    assert planned(path, store).steps[0].why == "goes on after 3 finished parts"
    assert ran(path, store).ledgers_balance
    assert calls[4:9] == ["0003", "0004", "0005", "0006", "0007"]


def start(path: Path, store: Store, pause: float) -> subprocess.Popen[bytes]:
    environment = {
        "YELIAN_TOY_PAUSE": str(pause),
        "PYTHONPATH": str(Path(toy.__file__).parent),
        "PATH": "/usr/bin:/bin",
    }
    return subprocess.Popen([sys.executable, toy.__file__, str(path), str(store.root)], env=environment)


def contents(store: Store) -> dict[str, str]:
    return {artifact.id: artifact.manifest["content"] for artifact in store.all()}


def test_after_twenty_kills_at_random_moments_the_artifacts_are_those_of_an_undisturbed_run(path, store, tmp_path):
    calm = Store(tmp_path / "calm")
    ran(path, calm)
    dice, done = random.Random(20), 0
    for _ in range(20):
        process = start(path, store, pause=0.05)
        time.sleep(dice.uniform(0.2, 1.1))
        process.send_signal(signal.SIGKILL)
        done += process.wait() == 0
        for folder in (store.root / "artifacts").glob("*"):
            assert (folder / MANIFEST).exists(), "a half artifact is visible"
    result = ran(path, store)
    assert result.ledgers_balance
    assert contents(store) == contents(calm)
    assert done < 20, "no run was killed: the test tested nothing"
    assert {record["status"] for record in run_records(store)} <= {"killed", "done"}


def test_two_runs_of_one_recipe_at_once_share_the_work(path, store):
    processes = [start(path, store, pause=0.05) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    steps = [step for record in run_records(store) for step in record["steps"]]
    assert sorted(step["stage"] for step in steps if step["computed"]) == ["toy.count", "toy.read", "toy.talk"]
