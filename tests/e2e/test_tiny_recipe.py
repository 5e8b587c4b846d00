"""The whole path on a tiny model: documents in, report and release out."""

import json
import re
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from project import command, environment, run_json, yelian


@pytest.fixture(scope="module")
def project(fresh_project):
    return fresh_project()


@pytest.fixture(scope="module")
def result(project):
    return run_json(project)


def manifest(project: Path, result: dict, stage: str) -> dict:
    return json.loads((project / ".yelian/artifacts" / result["artifacts"][stage] / "manifest.json").read_text())


def test_the_last_line_names_report_release_and_balance(result):
    assert Path(result["report"]).suffix == ".html"
    assert Path(result["report"]).is_file()
    assert Path(result["release"]).is_dir()
    assert result["ledgers_balance"] is True
    assert result["computed"] == len(result["artifacts"])


def test_nothing_is_lost_between_the_files_and_the_conversations(project, result):
    read, clean, build = (
        manifest(project, result, s)["ledger"] for s in ("corpus.read", "corpus.clean", "instruct.build")
    )
    assert (read["read"], read["kept"], read["rejected"]) == (26, 25, {"empty": 1})
    assert (clean["read"], clean["kept"], clean["dropped"]) == (25, 24, {"exact_duplicate": 1})
    assert build["read"] == 24 * 6
    assert build["kept"] > 60


def test_the_report_compares_base_and_tuned_with_intervals(result):
    comparisons = json.loads(Path(result["report_json"]).read_text(encoding="utf-8"))["comparisons"]
    first = comparisons[0]
    assert first["better"] == "lower"
    assert first["tuned"] < first["base"], "6,000 tokens at 1e-2 must teach even a tiny model something"
    for each in comparisons:
        assert each.keys() >= {"metric", "unit", "better", "base", "tuned", "difference", "low", "high", "n"}
        assert each["low"] <= each["difference"] <= each["high"]
        assert each["n"] > 0


def test_a_second_run_does_no_work(project, result):
    again = run_json(project)
    assert again["computed"] == 0
    assert again["artifacts"] == result["artifacts"]


def test_another_training_seed_trains_and_measures_the_tuned_model_again_and_nothing_else(project, result):
    planned = yelian(project, "plan", "recipe.yaml", "--json", "--set", "model.sft.seed=7")
    todo = {step["stage"]: step["why"] for step in json.loads(planned.stdout)["steps"] if step["state"] == "new"}
    assert set(todo) == {"model.tune", "assay.tuned", "assay.report", "release.pack"}
    assert "seed 0 → 7" in todo["model.tune"]


def test_every_id_on_the_page_can_be_traced_and_every_command_pasted(project, result):
    page = Path(result["report"]).read_text(encoding="utf-8")
    ids = set(re.findall(r"\bconv-[0-9a-f]{20}\b", page))
    assert ids
    for identity in sorted(ids)[:3]:
        found = json.loads(yelian(project, "trace", identity, "--json").stdout)
        document = found["documents"][0]
        assert document["licence"] == "CC0-1.0"
        assert Path(document["file"]).is_file()
        headline_or_sentence = found["record"]["messages"][-1]["content"].split("\n")[0]
        assert headline_or_sentence in Path(document["file"]).read_text(encoding="utf-8")
    artifacts = set(re.findall(r"\b(?:corpus|instruct|model|assay|release)\.[a-z]+-[0-9a-f]{16}\b", page))
    assert artifacts
    for artifact in sorted(artifacts):
        assert yelian(project, "show", artifact).returncode == 0
    commands = json.loads(Path(result["report_json"]).read_text(encoding="utf-8"))["commands"]
    assert len(commands) >= 4
    for each in commands:
        assert each["command"] in page
        done = subprocess.run(
            each["command"], shell=True, cwd=project, env=environment(), input="", capture_output=True, check=False
        )
        assert done.returncode == 0, (each, done.stderr)


def test_a_model_lists_its_documents_by_source(project, result):
    found = json.loads(yelian(project, "trace", result["artifacts"]["model.tune"], "--json").stdout)
    table = project / ".yelian/artifacts" / result["artifacts"]["model.tune"] / "trained"
    trained = {each for ids in pq.read_table(table).column("document_ids").to_pylist() for each in ids}
    assert {document["id"] for document in found["documents"]} == trained
    assert len(trained) >= 3
    assert set(found["by_licence"]) == {"CC0-1.0"}
    assert all(source.startswith("docs/") for source in found["by_source"])


def test_no_held_out_document_was_trained_on(project, result):
    artifacts = project / ".yelian" / "artifacts"
    trained = (
        pq.read_table(artifacts / result["artifacts"]["model.tune"] / "trained").column("document_ids").to_pylist()
    )
    held_out = pq.read_table(artifacts / result["artifacts"]["corpus.clean"] / "held_out").column("id").to_pylist()
    assert held_out
    assert not set(held_out) & {identity for ids in trained for identity in ids}


def test_chat_answers_from_the_release_and_from_the_adapter(project, result):
    for model in (result["release"], result["artifacts"]["model.tune"], result["run"]):
        done = yelian(project, "chat", model, "--prompt", "你好", "--max-new-tokens", "4")
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("\n")


def test_runs_and_diff_show_what_changed(project, result):
    other = run_json(project, "--set", "corpus.min_chars=120", "--until", "corpus")
    assert json.loads(yelian(project, "runs", "--json").stdout)[-1]["id"] == other["run"]
    found = json.loads(yelian(project, "diff", result["run"], other["run"], "--json").stdout)
    assert found["settings"]["corpus.min_chars"] == [40, 120]
    assert other["report"] is None


def test_two_runs_at_once_end_in_the_same_artifacts(project, result):
    line = command("run", "recipe.yaml", "--json", "--until", "instruct", "--set", "corpus.split_seed=4")
    both = [
        subprocess.Popen(
            line, cwd=project, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    facts = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in both]
    assert facts[0]["artifacts"] == facts[1]["artifacts"]
    assert facts[0]["computed"] + facts[1]["computed"] == 2  # corpus.clean and instruct.build, each once
