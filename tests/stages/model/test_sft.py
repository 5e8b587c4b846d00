from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.model.material import talks
from yelian.core.errors import InputError
from yelian.llm import local
from yelian.llm.chat import Rendered, render
from yelian.llm.runtime import prepare
from yelian.llm.weights import load_tokenizer, load_weights
from yelian.recipe.schema import Lora, Sft
from yelian.stages.model.batches import plan_steps
from yelian.stages.model.sft import Lesson, answer_loss, read_log, train, with_adapter


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    prepare(1, "cpu")


@pytest.fixture(scope="module")
def lessons(gemma: Path) -> list[Lesson]:
    tokenizer = load_tokenizer(gemma)
    return [Lesson(talk.id, render(tokenizer, talk.messages)) for talk in talks()]


def settings(**changed: Any) -> Sft:
    return Sft.model_validate({"batch_tokens": 400, "save_steps": 1, "micro_batch": 1, **changed})


def trained(
    gemma: Path, lessons: Sequence[Lesson], folder: Path, sft: Sft, steps: Sequence[Sequence[int]] | None = None
) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    steps = steps or plan_steps([len(lesson.rendered.ids) for lesson in lessons], sft)
    folder.mkdir(exist_ok=True)
    model = with_adapter(load_weights(gemma), Lora(rank=4), sft.seed)
    last = train(model, lessons, steps, sft, folder / "checkpoints", folder / "log.jsonl", lambda tokens: None)
    return load_file(last / "adapter_model.safetensors")


def test_the_loss_of_a_padded_batch_is_the_one_computed_by_hand(gemma: Path) -> None:
    model = load_weights(gemma)
    # row 1: the answer is tokens 4 and 5; row 2: token 2 alone, then padding; the mask at 0 can never be predicted
    ids = torch.tensor([[2, 300, 301, 4, 310, 5], [2, 320, 330, 0, 0, 0]])
    mask = torch.tensor([[0, 0, 0, 0, 1, 1], [1, 0, 1, 0, 0, 0]]).bool()
    log_p = [
        model(torch.tensor([row])).logits[0].double().log_softmax(-1) for row in ([2, 300, 301, 4, 310, 5], [2, 320])
    ]
    by_hand = -(log_p[0][3, 310] + log_p[0][4, 5] + log_p[1][1, 330])
    assert float(answer_loss(model, ids, mask)) == pytest.approx(float(by_hand), rel=1e-5)


def test_the_head_in_chunks_gives_the_same_loss_and_gradient(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = torch.tensor([[2, 300, 301, 4, 310, 5]])
    mask = torch.ones_like(ids).bool()

    def loss_and_gradient() -> tuple[float, torch.Tensor]:
        model = load_weights(gemma)
        loss = answer_loss(model, ids, mask)
        loss.backward()
        return float(loss), model.model.layers[0].mlp.up_proj.weight.grad

    whole = loss_and_gradient()
    monkeypatch.setattr(local, "HEAD_CELLS", 1500)
    chunked = loss_and_gradient()
    assert chunked[0] == pytest.approx(whole[0], rel=1e-6)
    assert torch.allclose(chunked[1], whole[1], rtol=1e-4, atol=1e-6)


def test_only_assistant_tokens_teach(gemma: Path, lessons: list[Lesson], tmp_path: Path) -> None:
    one = lessons[0]
    nothing = Lesson("x", Rendered(one.rendered.ids, [False] * (len(one.rendered.ids) - 1) + [True]))
    assert nothing.assistant_tokens == 1
    train_one = trained(gemma, [one], tmp_path / "a", settings(), [[0]])
    train_other = trained(gemma, [nothing], tmp_path / "b", settings(), [[0]])
    logged = read_log(tmp_path / "a" / "log.jsonl")[0], read_log(tmp_path / "b" / "log.jsonl")[0]
    model = load_weights(gemma)
    log_p = model(torch.tensor([one.rendered.ids])).logits[0].double().log_softmax(-1)
    marked = [at for at, learn in enumerate(one.rendered.mask) if learn]
    by_hand = -sum(float(log_p[at - 1, one.rendered.ids[at]].detach()) for at in marked) / len(marked)
    assert logged[0].loss == pytest.approx(by_hand, rel=1e-5)
    assert logged[0].assistant_tokens == len(marked)
    assert logged[0].loss != pytest.approx(logged[1].loss, rel=1e-3)
    assert any(not torch.equal(train_one[name], train_other[name]) for name in train_one)


def test_one_pass_of_eight_and_eight_passes_of_one_train_alike(
    gemma: Path, lessons: list[Lesson], tmp_path: Path
) -> None:
    steps = [list(range(8)), list(range(4, 12))]
    one, eight = (trained(gemma, lessons, tmp_path / str(size), settings(micro_batch=size), steps) for size in (1, 8))
    logs = [[line.loss for line in read_log(tmp_path / str(size) / "log.jsonl")] for size in (1, 8)]
    assert logs[0] == pytest.approx(logs[1], rel=1e-5)
    assert logs[0][0] != pytest.approx(logs[0][1], rel=1e-3)
    for name in one:
        assert torch.allclose(one[name], eight[name], rtol=1e-3, atol=1e-5), name


def test_the_rate_rises_to_its_peak_and_falls_towards_zero(gemma: Path, lessons: list[Lesson], tmp_path: Path) -> None:
    trained(gemma, lessons, tmp_path / "x", settings(warmup=0.4, learning_rate=1e-3), [[index] for index in range(5)])
    rates = [line.learning_rate for line in read_log(tmp_path / "x" / "log.jsonl")]
    assert rates == pytest.approx([1e-3 / 3, 2e-3 / 3, 1e-3, 2e-3 / 3, 1e-3 / 3])


def test_only_the_adapter_is_trained_in_float32_on_every_linear_layer(gemma: Path) -> None:
    model = with_adapter(load_weights(gemma, torch.bfloat16), Lora(rank=4), 0)
    learnt = {name: weight.dtype for name, weight in model.named_parameters() if weight.requires_grad}
    assert set(learnt.values()) == {torch.float32}
    layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    assert len(learnt) == 2 * 2 * len(layers)
    assert all(any(f"{layer}.lora_{side}." in name for name in learnt) for layer in layers for side in "AB")


def test_a_single_step_is_taken_at_the_peak_rate(gemma: Path, lessons: list[Lesson], tmp_path: Path) -> None:
    trained(gemma, lessons, tmp_path / "x", settings(warmup=0.4, learning_rate=1e-3), [[0]])
    assert [line.learning_rate for line in read_log(tmp_path / "x" / "log.jsonl")] == [1e-3]


def test_the_adapter_starts_from_the_seed(gemma: Path) -> None:
    first, again, other = (
        next(
            weight
            for name, weight in with_adapter(load_weights(gemma), Lora(), seed).named_parameters()
            if "lora_A" in name
        )
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_resumed_run_ends_bit_by_bit_as_an_uninterrupted_one(
    gemma: Path, lessons: list[Lesson], tmp_path: Path, dropout: float
) -> None:
    sft, steps = settings(), [[index, index + 1] for index in range(5)]

    def run(folder: Path, stop_after: int | None = None) -> Path:
        folder.mkdir(exist_ok=True)
        model = with_adapter(load_weights(gemma), Lora(rank=4, dropout=dropout), 0)
        seen: list[int] = []

        def on_step(tokens: int) -> None:
            seen.append(tokens)
            if len(seen) == stop_after:
                raise KeyboardInterrupt

        return train(model, lessons, steps, sft, folder / "checkpoints", folder / "log.jsonl", on_step)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "resumed", stop_after=3)
    assert [line.step for line in read_log(tmp_path / "resumed" / "log.jsonl")] == [1, 2, 3]
    resumed = run(tmp_path / "resumed")
    name = "adapter_model.safetensors"
    assert (whole / name).read_bytes() == (resumed / name).read_bytes()
    lines = [read_log(tmp_path / kind / "log.jsonl") for kind in ("whole", "resumed")]
    assert [line.step for line in lines[1]] == [1, 2, 3, 4, 5]
    assert [line.loss for line in lines[0]] == [line.loss for line in lines[1]]


def test_a_half_written_checkpoint_is_passed_over(gemma: Path, lessons: list[Lesson], tmp_path: Path) -> None:
    sft, steps = settings(), [[index] for index in range(4)]
    whole = trained(gemma, lessons, tmp_path / "whole", sft, steps)
    trained(gemma, lessons, tmp_path / "broken", sft, steps)
    last = tmp_path / "broken" / "checkpoints" / "checkpoint-4" / "optimizer.pt"
    last.write_bytes(last.read_bytes()[:-10])
    again = trained(gemma, lessons, tmp_path / "broken", sft, steps)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert [line.step for line in read_log(tmp_path / "broken" / "log.jsonl")] == [1, 2, 3, 4]


def test_a_finished_training_is_not_done_again(gemma: Path, lessons: list[Lesson], tmp_path: Path) -> None:
    sft = settings()
    trained(gemma, lessons, tmp_path / "x", sft, [[0], [1]])
    before = (tmp_path / "x" / "log.jsonl").read_bytes()
    trained(gemma, lessons, tmp_path / "x", sft, [[0], [1]])
    assert (tmp_path / "x" / "log.jsonl").read_bytes() == before


def test_a_loss_that_is_no_number_names_step_and_conversations(
    gemma: Path, lessons: list[Lesson], tmp_path: Path
) -> None:
    (tmp_path / "x").mkdir()
    model = with_adapter(load_weights(gemma), Lora(rank=4), 0)
    with torch.no_grad():
        model.get_input_embeddings().weight[lessons[3].rendered.ids[-3]] = float("nan")
    with pytest.raises(InputError, match=r"the loss became nan in step 1, with the conversations conv-03, conv-05"):
        train(model, lessons, [[3, 5]], settings(), tmp_path / "x" / "c", tmp_path / "x" / "log.jsonl", lambda _: None)


def test_the_log_holds_what_each_step_read(gemma: Path, lessons: list[Lesson], tmp_path: Path) -> None:
    trained(gemma, lessons, tmp_path / "x", settings(), [[0, 2], [1]])
    lines = [json.loads(line) for line in (tmp_path / "x" / "log.jsonl").read_text().splitlines()]
    lengths = [len(lesson.rendered.ids) for lesson in lessons]
    assert [line["tokens"] for line in lines] == [lengths[0] + lengths[2], lengths[1]]
    assert all(line["tokens_per_second"] > 0 for line in lines)


def test_training_prints_nothing_to_stdout(
    gemma: Path, lessons: list[Lesson], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trained(gemma, lessons, tmp_path / "x", settings(), [[0]])
    assert capfd.readouterr().out == ""
