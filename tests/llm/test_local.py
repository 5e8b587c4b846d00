from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from yelian.core.records import Message
from yelian.llm import local
from yelian.llm.chat import chat_of, render, render_prompt
from yelian.llm.local import LocalModel, TextNats
from yelian.llm.weights import load_weights

SHORT: list[Message] = [{"role": "user", "content": "请写标题"}, {"role": "assistant", "content": "新品上市"}]
LONG: list[Message] = [
    {"role": "user", "content": "请为下面的文章写导语。" * 9},
    {"role": "assistant", "content": "春节假期游客增长，龘🎉。" * 5},
]


@pytest.fixture(scope="module")
def model(gemma: Path) -> Iterator[LocalModel]:
    with LocalModel.load(gemma, device="cpu", threads=1) as loaded:
        yield loaded


def by_hand(folder: Path, ids: list[int], mask: list[bool]) -> float:
    """Sum of -log p over the masked tokens, straight from the definition."""
    logits = load_weights(folder)(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return -sum(float(logits[at - 1, ids[at]]) for at in range(1, len(ids)) if mask[at])


def test_answer_nats_follow_the_definition(model: LocalModel, gemma: Path) -> None:
    measured = model.answer_nats([SHORT, LONG])
    for messages, nats in zip([SHORT, LONG], measured, strict=True):
        rendered = render(model.tokenizer, messages)
        assert nats.tokens == sum(rendered.mask)
        end = chat_of(model.tokenizer).end
        words = [learn and number != end for number, learn in zip(rendered.ids, rendered.mask, strict=True)]
        assert sum(words) == nats.tokens - sum(message["role"] == "assistant" for message in messages)
        assert nats.words == pytest.approx(by_hand(gemma, rendered.ids, words), rel=1e-5)
        assert nats.words + nats.endings == pytest.approx(by_hand(gemma, rendered.ids, rendered.mask), rel=1e-5)


def test_nats_do_not_depend_on_company_or_batch_size(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    together = model.answer_nats([SHORT, LONG, SHORT])
    monkeypatch.setitem(local.BATCH_TOKENS, "cpu", 1)
    alone = model.answer_nats([SHORT, LONG, SHORT])
    assert [each.words for each in together] == pytest.approx([each.words for each in alone], rel=1e-5)


def test_the_head_in_small_chunks_gives_the_same_sums(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.answer_nats([LONG])[0].words
    monkeypatch.setattr(local, "HEAD_CELLS", 2000)
    assert model.answer_nats([LONG])[0].words == pytest.approx(whole, rel=1e-6)


def test_progress_counts_conversations(model: LocalModel) -> None:
    seen: list[tuple[int, int]] = []
    model.answer_nats([SHORT, LONG], lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)


def test_text_nats_follow_the_definition_and_cover_the_whole_text(model: LocalModel, gemma: Path) -> None:
    text = "本报讯，记者 fox🎉\n"
    ids = [2, *model.tokenizer.encode(text, add_special_tokens=False)]
    measured = model.text_nats([text])[0]
    assert (measured.tokens, measured.characters) == (len(ids) - 1, len(text))
    assert measured.total == pytest.approx(by_hand(gemma, ids, [False] + [True] * (len(ids) - 1)), rel=1e-5)


def test_a_long_text_is_cut_at_a_whole_character_and_says_where(model: LocalModel) -> None:
    # 龘 takes three byte tokens, of which a window of four (one for <bos>, one for 市) holds two
    text = "市龘市"
    assert len(model.tokenizer.encode(text, add_special_tokens=False)) == 5
    cut = model.text_nats([text], window=4)[0]
    assert (cut.tokens, cut.characters) == (1, 1)
    assert math.isclose(cut.total, model.text_nats(["市"])[0].total, rel_tol=1e-6)


def test_a_control_token_in_a_text_is_scored_as_plain_pieces(model: LocalModel) -> None:
    assert model.text_nats(["<end_of_turn>"])[0].tokens > 3


def test_an_empty_text_has_no_tokens(model: LocalModel) -> None:
    assert model.text_nats(["", "市"])[0] == TextNats(0.0, 0, 0)


def test_answers_are_greedy_and_alike_alone_and_in_a_batch(model: LocalModel, gemma: Path) -> None:
    prompts = [SHORT[:1], LONG[:1], [{"role": "user", "content": "续写"}]]
    together = model.answer(prompts, 12)
    assert together == [model.answer([prompt], 12)[0] for prompt in prompts]
    ids, reference = render_prompt(model.tokenizer, prompts[1]), load_weights(gemma)
    written: list[int] = []
    while len(written) < 12 and not {1, 5} & set(written):
        written.append(int(reference(torch.tensor([ids + written])).logits[0, -1].argmax()))
    expected = model.tokenizer.decode([each for each in written if each not in (1, 5)], skip_special_tokens=True)
    assert together[1].text == expected.strip()
    assert len({answer.text for answer in together}) > 1


def test_an_answer_that_ends_its_turn_is_finished(gemma: Path, model: LocalModel) -> None:
    assert not model.answer([SHORT[:1]], 3)[0].finished
    with LocalModel.load(gemma, device="cpu", threads=1) as other:
        end = torch.nn.functional.one_hot(torch.tensor(5), other._model.config.vocab_size).float() * 1e4
        other._model.lm_head.register_forward_hook(lambda module, given, out: out + end)
        answer = other.answer([SHORT[:1]], 3)[0]
    assert (answer.text, answer.finished) == ("", True)


def test_the_stream_joins_to_the_greedy_answer(model: LocalModel) -> None:
    pieces = list(model.stream(LONG[:1], 12))
    assert "".join(pieces).strip() == model.answer([LONG[:1]], 12)[0].text
    assert len(pieces) > 1


class Scripted:
    """A model that writes these ids, whatever it is given."""

    def __init__(self, ids: list[int], size: int) -> None:
        self._ids = iter(ids)
        self._size = size

    def __call__(self, **_: object) -> SimpleNamespace:
        row = torch.nn.functional.one_hot(torch.tensor([[next(self._ids)]]), self._size).float()
        return SimpleNamespace(logits=row, past_key_values=None)


def test_a_stream_shows_whole_characters_and_stops_at_the_end_of_the_turn(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = model.tokenizer.encode("龘市", add_special_tokens=False)
    assert len(ids) == 4
    monkeypatch.setattr(model, "_model", Scripted([*ids, 5, ids[-1]], len(model.tokenizer)))
    assert list(model.stream(SHORT[:1], 12)) == ["龘", "市"]


def test_a_drawn_stream_follows_the_seed(model: LocalModel) -> None:
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append("".join(model.stream(SHORT[:1], 16, temperature=1.0)))
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_adapter_changes_the_nats(model: LocalModel, gemma: Path, adapter: Path) -> None:
    with LocalModel.load(gemma, adapter, device="cpu", threads=1) as tuned:
        with_adapter, without = tuned.answer_nats([SHORT])[0], model.answer_nats([SHORT])[0]
        assert with_adapter.endings != pytest.approx(without.endings, abs=0.1)
