"""Bad input gets a clear error or a counted reason, and costs nothing else."""

import json
import resource
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from project import command, environment, run_json, yelian
from tiny import tiny_model


@pytest.fixture
def project(fresh_project) -> Path:
    return fresh_project()


def manifest(folder: Path, facts: dict, stage: str) -> dict:
    path = folder / ".yelian" / "artifacts" / facts["artifacts"][stage] / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8"))


def removals(folder: Path, facts: dict, stage: str) -> list[dict]:
    return pq.read_table(folder / ".yelian" / "artifacts" / facts["artifacts"][stage] / "removed").to_pylist()


def test_an_unknown_key_costs_nothing(project):
    recipe = project / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("held_out:", "holdout:"), encoding="utf-8")
    done = yelian(project, "run", "recipe.yaml")
    assert done.returncode == 3
    assert "recipe.yaml:7: unknown key 'corpus.holdout'" in done.stderr
    assert "did you mean 'held_out'?" in done.stderr
    assert not (project / ".yelian").exists()


def test_a_missing_source_names_line_and_nearest_folder(project):
    done = yelian(project, "run", "recipe.yaml", "--set", "corpus.sources.0.path=dosc")
    assert done.returncode == 3
    assert "dosc" in done.stderr
    assert "docs" in done.stderr
    assert not (project / ".yelian").exists()


def test_an_unknown_task_and_an_unknown_question_set_are_reported_together(project):
    done = yelian(
        project, "plan", "recipe.yaml", "--set", "instruct.tasks=[MU99]", "--set", "assay.questions=quikstart"
    )
    assert done.returncode == 3
    assert "MU99" in done.stderr
    assert "quikstart" in done.stderr


def test_one_line_of_garbage_among_a_thousand_costs_one_line(project):
    shutil.rmtree(project / "docs")
    (project / "docs").mkdir()
    lines = [
        json.dumps({"title": f"第{i}条", "text": f"第{i}条正文" * 10}, ensure_ascii=False).encode() for i in range(1000)
    ]
    lines[499] = b"\xff\xfe{garbage\x80"
    (project / "docs" / "wire.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    facts = run_json(project, "--until", "corpus.read")
    ledger = manifest(project, facts, "corpus.read")["ledger"]
    assert (ledger["read"], ledger["kept"], sum(ledger["rejected"].values())) == (1000, 999, 1)
    (rejected,) = removals(project, facts, "corpus.read")
    assert (rejected["source"], rejected["locator"]) == ("docs/wire.jsonl", "line 500")


def test_broken_files_of_every_kind_are_counted_and_their_neighbours_are_kept(project):
    good = manifest(project, run_json(project, "--until", "corpus.read"), "corpus.read")["ledger"]["kept"]
    for suffix in ("pdf", "docx", "html", "jsonl", "txt", "md"):
        (project / "docs" / f"broken.{suffix}").write_bytes(b"%PDF-1.7\nPK\x03\x04\x00\x00\x81\xff\x00" * 40)
    facts = run_json(project, "--until", "corpus.read")
    ledger = manifest(project, facts, "corpus.read")["ledger"]
    assert ledger["kept"] == good
    gone = {row["source"]: row["reason"] for row in removals(project, facts, "corpus.read")}
    assert gone["docs/broken.pdf"] == "unreadable_pdf"
    assert {f"docs/broken.{suffix}" for suffix in ("docx", "html", "jsonl", "txt", "md")} < gone.keys()


def test_a_gigabyte_of_zeros_named_txt_is_rejected_in_little_memory(project):
    with (project / "docs" / "zeros.txt").open("wb") as file:
        file.truncate(1 << 30)  # sparse: it takes no room on the disk
    for limit, reason in (("64", "too_large"), ("2000", "binary")):
        done = subprocess.run(
            command("run", "recipe.yaml", "--json", "--until", "corpus.read", "--set", f"corpus.max_file_mb={limit}"),
            cwd=project,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
            # 6 GB of address space hold the libraries' own mappings, but no second copy of a gigabyte as text.
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)),
        )
        facts = json.loads(done.stdout.splitlines()[-1])
        assert manifest(project, facts, "corpus.read")["ledger"]["rejected"][reason] == 1
        assert manifest(project, facts, "corpus.read")["cost"]["peak_memory_mb"] < 700


def test_a_model_folder_that_lacks_a_shard_is_refused_before_any_work(project, tmp_path):
    base = tiny_model(tmp_path / "sharded")
    index = {
        "metadata": {},
        "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"},
    }
    (base / "model.safetensors").rename(base / "model-00001-of-00002.safetensors")
    (base / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    done = yelian(project, "run", "recipe.yaml", "--set", f"model.base={base}")
    assert done.returncode == 4
    assert "model-00002-of-00002.safetensors" in done.stderr
    assert not (project / ".yelian").exists()


def test_pickled_weights_and_remote_code_are_refused(project, tmp_path):
    base = tiny_model(tmp_path / "pickled")
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    done = yelian(project, "plan", "recipe.yaml", "--set", f"model.base={base}")
    assert done.returncode == 4
    assert "safetensors" in done.stderr
    base = tiny_model(tmp_path / "remote")
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    (base / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}), encoding="utf-8")
    done = yelian(project, "plan", "recipe.yaml", "--set", f"model.base={base}")
    assert done.returncode == 4
    assert "auto_map" in done.stderr


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB; needs the right to mount."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_named_at_any_stage_and_the_run_goes_on_once_there_is_room(project, small_disk):
    filler = small_disk / "filler"
    stops = []
    for free_kb in (4, 60, 400, 900):
        filler.write_bytes(b"")
        used = sum(path.stat().st_blocks * 512 for path in small_disk.rglob("*") if path.is_file())
        filler.write_bytes(b"x" * max(0, (3 << 20) - used - (free_kb << 10)))
        done = yelian(project, "run", "recipe.yaml", "--json", "--set", f"run.store={small_disk / 'store'}")
        stops.append((done.returncode, "no space left" in done.stderr))
        for artifact in (small_disk / "store" / "artifacts").glob("*"):
            assert (artifact / "manifest.json").exists()
    assert (5, True) in stops
    assert all(stop == (5, True) for stop in stops if stop[0] != 0), stops
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=60m", small_disk], check=True)
    assert run_json(project, "--set", f"run.store={small_disk / 'store'}")["ledgers_balance"]
