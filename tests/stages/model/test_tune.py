from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stages.model.material import ONE_THREAD, as_rows, conversation, instruct, talks
from support import recipe, run_stage
from yelian.core.errors import InputError
from yelian.engine.stage import Artifact
from yelian.llm.chat import render
from yelian.llm.local import LocalModel
from yelian.llm.weights import fingerprint, load_tokenizer
from yelian.stages.model.tune import Tune


def stage(**sft: Any) -> Tune:
    settings = {"batch_tokens": 256, "micro_batch": 2, "save_steps": 2, "learning_rate": 1e-2, **sft}
    made = Tune.from_recipe(recipe(Path(), model={"base": "tiny", "lora": {"rank": 4}, "sft": settings}))
    assert made is not None
    return made


@pytest.fixture(scope="module")
def tuned(bases: Mapping[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("tune")
    given = {"model.base": bases["gemma"], "instruct.build": instruct(folder / "in", talks())}
    return run_stage(stage(epochs=4.0), folder / "out", given, ONE_THREAD)


def test_tuning_lowers_the_nats_of_what_was_learnt(tuned: Artifact, bases: Mapping[str, Artifact]) -> None:
    messages = [talk.messages for talk in talks()]
    base = bases["gemma"].path / "model"
    nats = []
    for adapter in (None, tuned.path / "adapter"):
        with LocalModel.load(base, adapter, "cpu", 1) as model:
            nats.append(sum(each.words for each in model.answer_nats(messages)))
    assert nats[1] < 0.9 * nats[0]


def test_the_artifact_holds_the_adapter_its_base_and_the_log_and_nothing_more(
    tuned: Artifact, bases: Mapping[str, Artifact]
) -> None:
    note = json.loads((tuned.path / "adapter" / "yelian.json").read_text())
    assert note == {"base": fingerprint(bases["gemma"].path / "model"), "chat_format": "gemma"}
    files = {path.relative_to(tuned.path).as_posix() for path in tuned.path.rglob("*") if path.is_file()}
    assert files == {
        "adapter/adapter_config.json", "adapter/adapter_model.safetensors", "adapter/yelian.json", "log.jsonl",
        "trained/trained.parquet", "removed/trained.parquet", ".parts/trained.json",
    }  # fmt: skip
    config = json.loads((tuned.path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None
    assert config["target_modules"] == sorted(config["target_modules"])


def test_the_lineage_lists_every_conversation_with_its_documents_and_tokens(
    tuned: Artifact, bases: Mapping[str, Artifact]
) -> None:
    tokenizer = load_tokenizer(bases["gemma"].path / "model")
    for row, talk in zip(sorted(as_rows(tuned, "trained"), key=lambda row: row["id"]), talks(), strict=True):
        rendered = render(tokenizer, talk.messages)
        assert row == {
            "id": talk.id, "task": "MU01", "document_ids": talk.document_ids, "tokens": len(rendered.ids),
            "assistant_tokens": sum(rendered.mask), "times": 4,
        }  # fmt: skip


def test_the_metrics_sum_up_the_log(tuned: Artifact) -> None:
    lines = [json.loads(line) for line in (tuned.path / "log.jsonl").read_text().splitlines()]
    assert tuned.metrics["steps"] == len(lines) == lines[-1]["step"]
    assert tuned.metrics["tokens"] == sum(line["tokens"] for line in lines)
    assert tuned.metrics["loss_at_end"] < tuned.metrics["loss_at_start"]
    assert tuned.metrics["loss_at_start"] == pytest.approx(lines[0]["loss"], abs=1e-4)
    assert tuned.metrics["trainable_parameters"] == 2 * 4 * (2 * (32 + 32) + 2 * (32 + 16) + 3 * (32 + 64))


def test_long_and_senseless_conversations_are_left_out_with_a_reason(
    bases: Mapping[str, Artifact], tmp_path: Path
) -> None:
    long, silent = conversation(50, "续写" * 100, "新品"), conversation(51, "续写", " ")
    no_answer = conversation(52, "续写", "新品")
    del no_answer.messages[1]
    given = {
        "model.base": bases["gemma"],
        "instruct.build": instruct(tmp_path / "in", [*talks(4), long, silent, no_answer]),
    }
    made = run_stage(stage(window=128), tmp_path / "out", given, ONE_THREAD)
    gone = {row["record_id"]: (row["outcome"], row["reason"]) for row in as_rows(made, "removed")}
    assert gone == {
        "conv-50": ("dropped", "too_long"),
        "conv-51": ("rejected", "not_renderable"),
        "conv-52": ("dropped", "no_answer"),
    }
    assert (made.ledger.read, made.ledger.kept) == (7, 4)


def test_conversations_that_the_budget_does_not_reach_are_dropped(
    bases: Mapping[str, Artifact], tmp_path: Path
) -> None:
    given = {"model.base": bases["gemma"], "instruct.build": instruct(tmp_path / "in", talks())}
    made = run_stage(stage(tokens=200), tmp_path / "out", given, ONE_THREAD)
    assert 200 <= made.metrics["tokens"] < 200 + 256
    assert made.ledger.dropped == {"over_budget": 12 - made.ledger.kept}
    assert 0 < made.ledger.kept < 12


def test_with_nothing_to_learn_the_reasons_are_told(bases: Mapping[str, Artifact], tmp_path: Path) -> None:
    given = {
        "model.base": bases["gemma"],
        "instruct.build": instruct(tmp_path / "in", [conversation(1, "续" * 99, "新")]),
    }
    with pytest.raises(InputError, match="none of the 1 training conversations can be learnt: 1 too_long"):
        run_stage(stage(window=32), tmp_path / "out", given, ONE_THREAD)


def test_a_second_call_after_a_kill_trains_nothing_and_reports_the_same(
    tuned: Artifact, bases: Mapping[str, Artifact]
) -> None:
    given = {"model.base": bases["gemma"], "instruct.build": instruct(tuned.path.parent / "in", talks())}
    again = run_stage(stage(epochs=4.0), tuned.path, given, ONE_THREAD)
    assert (again.metrics, again.ledger) == (tuned.metrics, tuned.ledger)


def test_the_chatml_stand_in_learns_too(bases: Mapping[str, Artifact], tmp_path: Path) -> None:
    given = {"model.base": bases["llama"], "instruct.build": instruct(tmp_path / "in", talks())}
    made = run_stage(stage(epochs=3.0), tmp_path / "out", given, ONE_THREAD)
    assert made.metrics["loss_at_end"] < made.metrics["loss_at_start"]


def test_how_often_it_is_saved_does_not_name_another_artifact() -> None:
    assert stage(save_steps=1).params() == stage(save_steps=9).params()
    assert stage(seed=1).params() != stage(seed=2).params()


def test_it_reads_the_trimmed_model_where_there_is_one() -> None:
    trimmed = Tune.from_recipe(recipe(Path(), model={"base": "tiny", "trim": {}}))
    assert trimmed.reads() == ("model.trim", "instruct.build")
    assert stage().reads() == ("model.base", "instruct.build")


def test_the_forecast_is_the_recipes_bound() -> None:
    assert stage(tokens=40_000, batch_tokens=2_000).forecast() == "at most 42,000 tokens of training"


KILLED_EPOCHS = 12.0
TRAIN = """
import sys
from pathlib import Path
from stages.model.material import ONE_THREAD, instruct, talks
from support import run_stage
from stages.model.test_tune import KILLED_EPOCHS, stage
from yelian.engine.stage import Artifact
base, folder = Artifact("base", Path(sys.argv[1]), {}), Path(sys.argv[2])
given = {"model.base": base, "instruct.build": instruct(folder / "in", talks())}
run_stage(stage(epochs=KILLED_EPOCHS), folder / "out", given, ONE_THREAD)
"""


def test_sigkill_in_the_middle_changes_no_byte_of_the_adapter(bases: Mapping[str, Artifact], tmp_path: Path) -> None:
    def run(name: str) -> Path:
        given = {"model.base": bases["gemma"], "instruct.build": instruct(tmp_path / name / "in", talks())}
        return run_stage(stage(epochs=KILLED_EPOCHS), tmp_path / name / "out", given, ONE_THREAD).path

    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TRAIN, str(bases["gemma"].path), str(tmp_path / "killed")]
    killed = subprocess.Popen(command, env=environment)
    log = tmp_path / "killed" / "out" / "log.jsonl"
    waited = time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") >= 9):
        assert killed.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < waited, "it never trained"
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "out" / "adapter").exists()
    whole, resumed = run("whole"), run("killed")
    for name in ("adapter_model.safetensors", "adapter_config.json", "yelian.json"):
        assert (whole / "adapter" / name).read_bytes() == (resumed / "adapter" / name).read_bytes(), name
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps == list(range(1, len(steps) + 1))
