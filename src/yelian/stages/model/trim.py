"""The base model with its vocabulary cut to what the corpus and a general list need.

Two thirds of Gemma 3 270M are vocabulary, for 140 languages. The rows that stay are copied bit by bit, so hidden
states and kept logits are those of the base. Only the training part chooses pieces: held-out documents are measured
with the vocabulary that the model would have had without them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pyarrow as pa

from yelian.core.digest import Json
from yelian.core.errors import InputError, StageError
from yelian.core.ledger import Removal
from yelian.core.records import Conversation, Document, rows
from yelian.engine.stage import Artifact, Job, Stage
from yelian.llm.chat import Tokenizer, render
from yelian.llm.runtime import prepare
from yelian.llm.weights import load_tokenizer, load_weights, parameter_count, save_model
from yelian.recipe import schema
from yelian.recipe.schema import Recipe
from yelian.stages.model.base import MODEL
from yelian.stages.model.vocabulary import Kept, Vocabulary, named_tokens, renumber_config

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Encoder

TABLE = "vocabulary"
BATCH_TEXTS = 256
CHECKED_TEXTS = 256  # training texts that must be encoded as before, once the vocabulary is cut

PIECES = pa.schema(
    [
        pa.field("id", pa.int32(), nullable=False),
        pa.field("old_id", pa.int32(), nullable=False),
        pa.field("piece", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)


class Trim(Stage):
    """Makes `model/`, the base with fewer tokens, and a table of the tokens that stayed and why."""

    NAME: ClassVar[str] = "model.trim"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "tokens"

    def __init__(self, trim: schema.Trim) -> None:
        self._trim = trim

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self | None:
        """Only where the recipe asks for it."""
        return None if recipe.model.trim is None else cls(recipe.model.trim)

    def params(self) -> Mapping[str, Json]:
        """The length of the general list."""
        return {"general_words": self._trim.general_words}

    def reads(self) -> tuple[str, ...]:
        """The base, and the texts that choose."""
        return ("model.base", "corpus.clean", "instruct.build")

    def run(self, job: Job) -> None:
        """Choose, cut, check, write beside and rename."""
        prepare(job.settings.threads, "cpu")
        base, model = job.inputs["model.base"].path / MODEL, job.folder / MODEL
        whole = load_tokenizer(base)
        if not job.has(TABLE):
            work = job.folder / "work"
            for leftover in (work, model):
                shutil.rmtree(leftover, ignore_errors=True)
            work.mkdir()
            vocabulary, kept = self._cut(job, base, whole, work)
            _cut_weights(base, work, kept)
            (work / MODEL).rename(model)
            shutil.rmtree(work)
            job.commit(
                TABLE, read=len(vocabulary.pieces), tables={TABLE: _table(vocabulary, kept)},
                removed=_removals(vocabulary, kept),
            )  # fmt: skip
        self._measure(job, base, model, whole)

    def _cut(self, job: Job, base: Path, whole: Tokenizer, work: Path) -> tuple[Vocabulary, Kept]:
        """Choose the pieces and write the cut tokenizer into `work`."""
        vocabulary = Vocabulary(json.loads((base / "tokenizer.json").read_text(encoding="utf-8")))
        config = json.loads((base / "tokenizer_config.json").read_text(encoding="utf-8"))
        used, sample = _used(job, whole)
        kept = vocabulary.choose(used, self._trim.general_words, set(named_tokens(config)))
        cut = vocabulary.cut(kept)
        config.pop("added_tokens_decoder", None)  # old numbers; tokenizer.json has them all
        (work / "tokenizer.json").write_text(json.dumps(cut, ensure_ascii=False), encoding="utf-8")
        (work / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
        _check_same(whole, load_tokenizer(work), sample, kept)
        return vocabulary, kept

    def _measure(self, job: Job, base: Path, model: Path, whole: Tokenizer) -> None:
        texts = [document.text for document in rows(Document, job.inputs["corpus.clean"].batches("held_out"))]
        characters = sum(map(len, texts))
        cut = load_tokenizer(model)
        job.metric("vocabulary_before", len(whole))
        job.metric("vocabulary", len(cut))
        job.metric("parameters_before", parameter_count(base))
        job.metric("parameters", parameter_count(model))
        if characters:
            job.metric("held_out_tokens_per_character_before", round(_count(whole, texts) / characters, 4))
            job.metric("held_out_tokens_per_character", round(_count(cut, texts) / characters, 4))


def _used(job: Job, tokenizer: Tokenizer) -> tuple[set[int], list[str]]:
    """Ids that the training documents and conversations take, and the first texts as a sample."""
    used, sample = set[int](), list[str]()
    for conversation in rows(Conversation, job.inputs["instruct.build"].batches("train")):
        used.update(render(tokenizer, conversation.messages).ids)
    for texts in _batched(_texts(job.inputs["corpus.clean"])):
        for ids in _encode(tokenizer, texts):
            used.update(ids)
        sample += texts[: CHECKED_TEXTS - len(sample)]
    return used, sample


def _texts(clean: Artifact) -> Iterator[str]:
    for document in rows(Document, clean.batches("train")):
        yield document.text
        if document.title:
            yield document.title


def _batched(texts: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(texts, BATCH_TEXTS)):
        yield batch


def _encode(tokenizer: Tokenizer, texts: list[str]) -> Iterable[list[int]]:
    """Ids of many texts at once, in threads, with control tokens as plain text."""
    encoder: Encoder = tokenizer.backend_tokenizer
    encoder.encode_special_tokens = True
    return [each.ids for each in encoder.encode_batch_fast(texts, add_special_tokens=False)]


def _count(tokenizer: Tokenizer, texts: list[str]) -> int:
    return sum(len(ids) for ids in _encode(tokenizer, texts))


def _check_same(whole: Tokenizer, cut: Tokenizer, sample: list[str], kept: Kept) -> None:
    new = kept.new_ids
    for before, after in zip(_encode(whole, sample), _encode(cut, sample), strict=True):
        if [new[number] for number in before] != after:
            raise StageError(
                "a training text is encoded otherwise after its vocabulary was cut",
                fix="this is a fault in Yelian: please report the base model; model.trim: null goes round it",
            )


def _cut_weights(base: Path, work: Path, kept: Kept) -> None:
    """Keep the rows of the kept tokens in the embedding and the output head, and renumber the configurations."""
    import torch

    model = load_weights(base)
    if hasattr(model.config, "text_config"):
        raise InputError(
            "the base model is more than a text model, and only text vocabularies can be cut",
            fix="set model.trim to null",
        )
    chosen = torch.tensor(kept.old_ids)
    tables = {id(table): table for table in (model.get_input_embeddings(), model.get_output_embeddings())}
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    for table in tables.values():
        table.weight = torch.nn.Parameter(table.weight.detach()[chosen].clone(), requires_grad=False)
        if getattr(table, "bias", None) is not None:
            table.bias = torch.nn.Parameter(table.bias.detach()[chosen].clone(), requires_grad=False)
    if tied:
        model.get_output_embeddings().weight = model.get_input_embeddings().weight
    model.config.vocab_size = len(kept.old_ids)
    for config in (model.config, model.generation_config):
        _renumber(config, kept.new_ids)
    save_model(model, load_tokenizer(work), work / MODEL)


def _renumber(config: Any, new: Mapping[int, int]) -> None:
    for key, value in renumber_config(config.to_dict(), new).items():
        setattr(config, key, value)


def _table(vocabulary: Vocabulary, kept: Kept) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"id": new, "old_id": old, "piece": vocabulary.pieces[old], "reason": kept.reasons[old]}
            for new, old in enumerate(kept.old_ids)
        ],
        schema=PIECES,
    )


def _removals(vocabulary: Vocabulary, kept: Kept) -> Iterator[Removal]:
    for old, piece in sorted(vocabulary.pieces.items()):
        if old not in kept.reasons:
            yield Removal("dropped", "not_needed", "tokenizer.json", f"id {old}", detail=piece)
