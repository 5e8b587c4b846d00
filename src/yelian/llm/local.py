"""A local model seen from outside: how likely it finds texts and answers, and what it answers itself.

Likelihoods are sums over tokens of -log p, in nats, with the log-softmax in float32 whatever the weights are in. The
output head, two thirds of a small model's work, runs only at positions whose token is counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from yelian.core import memory
from yelian.core.records import Message
from yelian.llm.chat import Rendered, Tokenizer, chat_of, render, render_prompt
from yelian.llm.runtime import Device, attention, compute_dtype, prepare
from yelian.llm.weights import load_joined, load_tokenizer, load_weights, save_merged

if TYPE_CHECKING:
    import torch

__all__ = ["Answer", "LocalModel", "Nats", "TextNats", "save_merged"]

BATCH_TOKENS = {"cpu": 1024, "cuda": 32_768}  # padded tokens per scoring pass; 4,096 were a quarter slower on a CPU
BATCH_PROMPTS = 16  # prompts answered at once
HEAD_CELLS = 32_000_000  # logits held at once: 128 MB in float32
WINDOW = 1024  # tokens of a raw text that are scored, the opening token among them

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Nats:
    """Summed -log p of an assistant's answers: of their words, and of the tokens that end a turn.

    The two are kept apart because a base model hardly ever ends a turn: a tuned one that has learnt nothing but to
    stop would look as if it wrote better. `tokens` counts both.
    """

    words: float
    endings: float
    tokens: int


@dataclass(frozen=True, slots=True)
class TextNats:
    """Summed -log p over the first `characters` characters of a text, which `tokens` tokens cover exactly."""

    total: float
    tokens: int
    characters: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote; `finished` when it ended its turn itself, not at the longest length."""

    text: str
    finished: bool


def _silent(done: int, total: int) -> None:
    """No progress is shown."""


class LocalModel:
    """A base model, with or without an adapter, in memory until `close`."""

    def __init__(self, model: Any, tokenizer: Tokenizer, device: torch.device) -> None:
        self.tokenizer = tokenizer
        self._model = model
        self._device = device
        self._chat = chat_of(tokenizer)

    @classmethod
    def load(
        cls, base: Path, adapter: Path | None = None, device: Device = "auto", threads: int | None = None
    ) -> LocalModel:
        """Read the folders; InputError where the adapter belongs to another base."""
        place = prepare(threads, device)
        model = load_weights(base) if adapter is None else load_joined(base, adapter)
        model = model.to(device=place, dtype=compute_dtype(model.dtype, place)).eval().requires_grad_(False)
        model.set_attn_implementation(attention(place))
        return cls(model, load_tokenizer(base), place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory; the model cannot be used afterwards."""
        self._model = None
        memory.release()

    def answer_nats(self, conversations: Sequence[Sequence[Message]], on_progress: Progress = _silent) -> list[Nats]:
        """Nats of the assistant's words and ends of turn, given all before them. No conversation is cut."""
        rendered = [render(self.tokenizer, messages) for messages in conversations]
        scored = self._score([each.ids for each in rendered], [each.mask for each in rendered], on_progress)
        return [self._split(each, nats) for each, nats in zip(rendered, scored, strict=True)]

    def _split(self, rendered: Rendered, nats: Sequence[float]) -> Nats:
        """Nothing in a message becomes a control token, so a learnt end of turn is never one of the words."""
        learnt = [number for number, learn in zip(rendered.ids, rendered.mask, strict=True) if learn]
        endings = math.fsum(n for number, n in zip(learnt, nats, strict=True) if number == self._chat.end)
        return Nats(math.fsum(nats) - endings, endings, len(learnt))

    def text_nats(self, texts: Sequence[str], on_progress: Progress = _silent, window: int = WINDOW) -> list[TextNats]:
        """Nats of the first tokens of each text, `window` with the opening token, and the characters covered."""
        opening = list(self._chat.text_opening)
        cut = [self._first_tokens(text, window - len(opening)) for text in texts]
        masks = [[False] * len(opening) + [True] * len(ids) for ids, _ in cut]
        scored = self._score([opening + ids for ids, _ in cut], masks, on_progress)
        return [
            TextNats(math.fsum(nats), len(ids), characters) for nats, (ids, characters) in zip(scored, cut, strict=True)
        ]

    def answer(self, prompts: Sequence[Sequence[Message]], max_new_tokens: int) -> list[Answer]:
        """The likeliest next token at each step, until the turn ends. Padding changes no answer but by rounding."""
        ids = [render_prompt(self.tokenizer, messages) for messages in prompts]
        answers: dict[int, Answer] = {}
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        for start in range(0, len(order), BATCH_PROMPTS):
            batch = order[start : start + BATCH_PROMPTS]
            written = self._generate([ids[index] for index in batch], max_new_tokens)
            answers.update(zip(batch, written, strict=True))
        return [answers[index] for index in range(len(ids))]

    def stream(self, messages: Sequence[Message], max_new_tokens: int, temperature: float = 0.0) -> Iterator[str]:
        """The answer in pieces as it is written; temperature 0 takes the likeliest token, above it one is drawn."""
        import torch

        given, shown, written = render_prompt(self.tokenizer, messages), "", list[int]()
        cache = None
        with torch.inference_mode():
            for _ in range(max_new_tokens):
                out = self._model(
                    input_ids=torch.tensor([given], device=self._device), past_key_values=cache, logits_to_keep=1
                )
                cache = out.past_key_values
                number = _choose(out.logits[0, -1].float(), temperature)
                if number in self._chat.stops:
                    break
                written, given = [*written, number], [number]
                text = self.tokenizer.decode(written, skip_special_tokens=True)
                if not text.endswith("\ufffd"):  # half a character: its other bytes come with the next tokens
                    yield text[len(shown) :]
                    shown = text
        text = self.tokenizer.decode(written, skip_special_tokens=True)
        if text != shown:
            yield text[len(shown) :]

    def _first_tokens(self, text: str, most: int) -> tuple[list[int], int]:
        """The first tokens of a text, never half a character of it, and how many characters they cover."""
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True)
        ids, spans = encoded["input_ids"], encoded["offset_mapping"]
        if len(ids) <= most:
            return ids, len(text)
        while most > 0 and spans[most - 1][1] > spans[most][0]:
            most -= 1
        return ids[:most], spans[most][0]

    def _score(self, ids: list[list[int]], masks: list[list[bool]], on_progress: Progress) -> list[list[float]]:
        """-log p of the masked tokens of each sequence, in their order; computed in batches of like length."""
        scored, done = dict[int, list[float]](), 0
        for batch in _batches([len(each) for each in ids], BATCH_TOKENS[self._device.type]):
            nats = self._score_batch([ids[index] for index in batch], [masks[index] for index in batch])
            scored.update(zip(batch, nats, strict=True))
            done += len(batch)
            on_progress(done, len(ids))
        return [scored[index] for index in range(len(ids))]

    def _score_batch(self, ids: list[list[int]], masks: list[list[bool]]) -> list[list[float]]:
        import torch

        with torch.inference_mode():
            tokens = right_padded(ids, self._pad).to(self._device)
            wanted = right_padded([[int(each) for each in mask] for mask in masks], 0).bool().to(self._device)
            hidden = self._model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
            rows, columns = wanted[:, 1:].nonzero(as_tuple=True)  # token t is predicted at position t - 1
            nats = torch.cat(
                [
                    token_nats(self._model, hidden[row, column], tokens[row, column + 1])
                    for row, column in _chunks(rows, columns, head_rows(self._model))
                ]
            )
            counts = wanted[:, 1:].sum(dim=1).tolist()
            return [list(each.tolist()) for each in torch.split(nats, counts)]

    def _generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        import torch
        from transformers import GenerationConfig

        longest, stops = max(map(len, prompts)), self._chat.stops
        padded = torch.tensor([[self._pad] * (longest - len(ids)) + ids for ids in prompts], device=self._device)
        seen = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts], device=self._device)
        how = GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=list(stops), pad_token_id=stops[0]
        )
        with torch.inference_mode():
            out = self._model.generate(input_ids=padded, attention_mask=seen, generation_config=how)
        return [self._as_answer(row) for row in out[:, longest:].tolist()]

    def _as_answer(self, ids: list[int]) -> Answer:
        end = next((index for index, number in enumerate(ids) if number in self._chat.stops), None)
        text = self.tokenizer.decode(ids[:end], skip_special_tokens=True)
        return Answer(text.strip(), finished=end is not None)

    @property
    def _pad(self) -> int:
        """Any id does: padded places are never attended to nor counted."""
        return self._chat.stops[0]


def right_padded(rows: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
    """Rows of one length (rows, longest). Under causal attention no token sees the padding behind it."""
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *([pad] * (longest - len(row)))] for row in rows])


def token_nats(model: Any, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-log p of each target (n,) from the hidden state before it (n, width), float32."""
    import torch

    logits = model.get_output_embeddings()(hidden).float()
    cap = getattr(model.config, "final_logit_softcapping", None)
    if cap is not None:
        logits = torch.tanh(logits / cap) * cap
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def head_rows(model: Any) -> int:
    """How many positions the output head takes at once."""
    return max(1, HEAD_CELLS // int(model.config.get_text_config().vocab_size))


def _chunks(rows: torch.Tensor, columns: torch.Tensor, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for start in range(0, max(1, len(rows)), size):
        yield rows[start : start + size], columns[start : start + size]


def _batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indexes in batches whose padded size stays within `most` tokens (or of one), longest first."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _choose(logits: torch.Tensor, temperature: float) -> int:
    import torch

    if temperature <= 0:
        return int(logits.argmax())
    return int(torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1))
