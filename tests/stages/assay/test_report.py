import json

import pyarrow.parquet as pq
import pytest

from stages.assay.finished_run import artifact, measured, reported, run, small_recipe, without_charts
from yelian.core.errors import InputError
from yelian.stages.assay import items
from yelian.stages.assay.findings import EXAMPLES_PER_TASK
from yelian.stages.assay.report import Report

KEYS = ["metric", "unit", "better", "base", "tuned", "difference", "low", "high", "n"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        return reported(root, small_recipe(root), patch)


@pytest.fixture(scope="module")
def twin(made):
    return json.loads((made["assay.report"].path / "report.json").read_text(encoding="utf-8"))


def test_the_twin_holds_the_promised_keys_and_the_main_figure_first(twin):
    assert all(key in each for each in twin["comparisons"] for key in KEYS)
    main, raw = twin["comparisons"][:2]
    assert (main["metric"], raw["metric"]) == ("bits_per_character_answers", "bits_per_character_articles")
    assert (main["better"], main["verdict"], main["n"], main["documents"]) == ("lower", "better", 16, 8)
    assert main["high"] < 0


def test_the_ledger_counts_comparisons_and_the_table_holds_them(made, twin):
    report = made["assay.report"]
    assert report.ledger.as_json() == {"unit": "comparisons", "read": 11, "kept": 11, "dropped": {}, "rejected": {}}
    assert pq.read_table(report.path / "comparisons" / "comparisons.parquet").to_pylist() == twin["comparisons"]
    assert report.metrics["main"]["verdict"] == "better"


def test_the_twin_lists_every_stage_with_its_ledger_and_cost(made, twin):
    stages = list(made)[:-1]
    assert [each["stage"] for each in twin["artifacts"]] == stages
    assert [each["id"] for each in twin["artifacts"]] == [made[stage].id for stage in stages]
    assert [each["stage"] for each in twin["ledgers"]] == [each["stage"] for each in twin["costs"]] == stages
    assert twin["ledgers"][1]["dropped"] == {"exact_duplicate": 1}
    assert twin["costs"][0]["wall_seconds"] == 61.25


def test_sources_are_counted_by_licence_on_each_side_of_the_split(twin):
    rows = {(each["source"], each["licence"]): (each["train"], each["held_out"]) for each in twin["sources"]}
    assert rows == {("press", "CC-BY-4.0"): (2, 6), ("web", "unknown"): (2, 2)}


def test_examples_are_the_first_by_id_and_never_chosen_by_score(made, twin):
    measurements = items.read(made["assay.base"])
    written = [each.id for each in measurements if each.kind == "written_answer" and each.task == "MU01"]
    shown = [each["id"] for each in twin["examples"] if each["task"] == "MU01" and each["kind"] == "written_answer"]
    assert shown == sorted(written)[:EXAMPLES_PER_TASK]
    assert sum(each["kind"] == "question" for each in twin["examples"]) == 10


def test_training_is_read_from_its_log(twin):
    training = twin["training"]
    assert (training["steps"], training["tokens"], training["conversations"], len(training["log"])) == (8, 3600, 2, 8)


def test_commands_are_built_from_ids_that_exist(made, twin):
    commands = {each["why"]: each["command"] for each in twin["commands"]}
    assert commands["chat"] == f"yelian chat {made['model.tune'].id}"
    known = {each.id for each in items.read(made["assay.tuned"])} | {each.id for each in made.values()}
    assert {command.split()[-1] for command in commands.values()} <= known


def test_warnings_tell_what_makes_a_figure_weaker(twin):
    assert {each["code"]: each["values"] for each in twin["warnings"]} == {
        "few_documents": {"documents": 8, "limit": 10},
        "unfinished": {"written": 26, "unfinished_base": 26, "unfinished_tuned": 0},
        "licence_unknown": {"documents": 4},
        "base_terms": {"name": "gemma3-270m", "licence": "Gemma Terms of Use"},
    }


def test_a_base_whose_terms_nobody_stated_is_warned_of(tmp_path, monkeypatch):
    without_charts(monkeypatch)
    made = measured(tmp_path, small_recipe(tmp_path), monkeypatch)
    facts = {"name": "mine", "licence": "unknown", "terms": None}
    made["model.base"].manifest["metrics"].update(facts)
    report = run(Report(small_recipe(tmp_path)), tmp_path, made)
    twin = json.loads((report.path / "report.json").read_text(encoding="utf-8"))
    assert twin["warnings"][-1] == {"code": "base_terms_unknown", "values": {"name": "mine"}}


def test_a_run_without_held_out_conversations_says_what_to_do(tmp_path, monkeypatch):
    made = measured(tmp_path, small_recipe(tmp_path), monkeypatch)
    for stage in ("assay.base", "assay.tuned"):
        some = [each for each in items.read(made[stage]) if each.kind in ("question", "article_likelihood")]
        made[stage] = artifact(tmp_path / "bare", stage, {"items": items.table(some)}, unit="items")
    with pytest.raises(InputError, match="no held-out conversation") as caught:
        run(Report(small_recipe(tmp_path)), tmp_path, made)
    assert "corpus.held_out" in caught.value.fix


def test_the_same_measurements_give_the_same_twin(tmp_path, monkeypatch):
    without_charts(monkeypatch)
    made = measured(tmp_path, small_recipe(tmp_path), monkeypatch)
    one, two = (run(Report(small_recipe(tmp_path)), tmp_path / name, made).path for name in ("one", "two"))
    assert (one / "report.json").read_bytes() == (two / "report.json").read_bytes()
    assert (one / "report.html").read_bytes() == (two / "report.html").read_bytes()


def test_the_seed_of_the_bootstrap_is_part_of_the_report_and_not_of_the_measurement(tmp_path):
    from yelian.stages.assay.measure import MeasureTuned

    assay = {"questions": "quickstart", "answer_tasks": ("MU01",)}
    one, two = (small_recipe(tmp_path, assay={**assay, "seed": seed}) for seed in (0, 1))
    assert Report(one).params() != Report(two).params()
    assert MeasureTuned(one).params() == MeasureTuned(two).params()
