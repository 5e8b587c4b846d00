"""Supervised fine-tuning by LoRA: the base learns the conversations' answers; an adapter comes out."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import pyarrow as pa

from yelian.core.digest import Json
from yelian.core.errors import InputError
from yelian.core.files import write_text
from yelian.core.ledger import Removal
from yelian.core.records import Conversation, rows
from yelian.engine.stage import Job, Stage
from yelian.llm.chat import Tokenizer, render
from yelian.llm.runtime import attention, compute_dtype, prepare
from yelian.llm.weights import load_tokenizer, load_weights, parameter_count, save_adapter_note
from yelian.recipe.schema import Lora, Recipe, Sft
from yelian.stages.model.base import MODEL
from yelian.stages.model.batches import plan_steps

if TYPE_CHECKING:
    import torch

    from yelian.stages.model.sft import Lesson, LogLine

TABLE = "trained"
ADAPTER = "adapter"
CHECKPOINTS = "checkpoints"
LOG = "log.jsonl"
ENDS = 0.1  # share of steps over which the loss "at start" and "at end" is averaged: single steps are noise

TRAINED = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("document_ids", pa.list_(pa.string()), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("assistant_tokens", pa.int64(), nullable=False),
        pa.field("times", pa.int64(), nullable=False),
    ]
)


class Tune(Stage):
    """Makes `adapter/`, the table of the conversations it learnt from, and a log of every optimizer step."""

    NAME: ClassVar[str] = "model.tune"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "conversations"

    def __init__(self, source: str, lora: Lora, sft: Sft) -> None:
        self._source = source
        self._lora = lora
        self._sft = sft

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """On the trimmed model where there is one."""
        return cls("model.trim" if recipe.model.trim else "model.base", recipe.model.lora, recipe.model.sft)

    def params(self) -> Mapping[str, Json]:
        """Adapter and training, but not how often it is saved."""
        return {"lora": self._lora.model_dump(), "sft": self._sft.model_dump(exclude={"save_steps"})}

    def reads(self) -> tuple[str, ...]:
        """The model to tune and what it learns."""
        return (self._source, "instruct.build")

    def forecast(self) -> str | None:
        """The bound that the recipe sets."""
        return f"at most {self._sft.tokens + self._sft.batch_tokens:,} tokens of training"

    def run(self, job: Job) -> None:
        """Train unless the adapter is there already, then write down what it learnt from."""
        device = prepare(job.settings.threads, job.settings.device)
        from yelian.stages.model.sft import read_log

        base = job.inputs[self._source].path / MODEL
        tokenizer = load_tokenizer(base)
        conversations = list(rows(Conversation, job.inputs["instruct.build"].batches("train")))
        lessons, removed = _lessons(conversations, tokenizer, self._sft.window)
        steps = plan_steps([len(lesson.rendered.ids) for lesson in lessons], self._sft)
        if not steps:
            raise InputError(
                f"none of the {len(conversations)} training conversations can be learnt: "
                + ", ".join(f"{count} {reason}" for reason, count in Counter(each.reason for each in removed).items()),
                fix="give more documents, allow more tasks, or raise model.sft.window",
            )
        if not (job.folder / ADAPTER).exists():
            self._train(job, base, tokenizer, lessons, steps, device)
        if not job.has(TABLE):
            times = Counter(index for step in steps for index in step)
            removed += _unreached(lessons, times)
            table = _table(conversations, lessons, times)
            job.commit(TABLE, read=len(conversations), tables={TABLE: table}, removed=removed)
        shutil.rmtree(job.folder / CHECKPOINTS, ignore_errors=True)
        _measure(job, read_log(job.folder / LOG))
        job.metric("trainable_parameters", parameter_count(job.folder / ADAPTER))

    def _train(
        self,
        job: Job,
        base: Path,
        tokenizer: Tokenizer,
        lessons: Sequence[Lesson],
        steps: Sequence[Sequence[int]],
        device: torch.device,
    ) -> None:
        """Train from the newest whole checkpoint, and make the adapter's folder beside its place."""
        from yelian.stages.model.sft import train, with_adapter

        weights = load_weights(base)
        weights = weights.to(device=device, dtype=compute_dtype(weights.dtype, device))
        weights.set_attn_implementation(attention(device))
        total = sum(len(lessons[index].rendered.ids) for step in steps for index in step)
        last = train(
            with_adapter(weights, self._lora, self._sft.seed),
            lessons,
            steps,
            self._sft,
            job.folder / CHECKPOINTS,
            job.folder / LOG,
            lambda tokens: job.progress(tokens, total, "tokens"),
        )
        work = job.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        shutil.copyfile(last / "adapter_model.safetensors", work / "adapter_model.safetensors")
        config = json.loads((last / "adapter_config.json").read_text(encoding="utf-8"))
        config["target_modules"] = sorted(config["target_modules"])  # peft holds a set: its order differs by process
        config["base_model_name_or_path"] = None  # peft puts a path of this machine there
        write_text(work / "adapter_config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")
        save_adapter_note(work, base, tokenizer)
        work.rename(job.folder / ADAPTER)


def _lessons(
    conversations: Sequence[Conversation], tokenizer: Tokenizer, window: int
) -> tuple[list[Lesson], list[Removal]]:
    """The conversations that can be learnt, in order, and why the others cannot."""
    from yelian.stages.model.sft import Lesson

    lessons, removed = list[Lesson](), list[Removal]()
    for conversation in conversations:
        try:
            lesson = Lesson(conversation.id, render(tokenizer, conversation.messages))
        except InputError as error:
            removed.append(Removal("rejected", "not_renderable", conversation.id, "", conversation.id, error.message))
            continue
        length = len(lesson.rendered.ids)
        if length > window:
            detail = f"{length} tokens, but model.sft.window is {window}"
            removed.append(Removal("dropped", "too_long", conversation.id, "", conversation.id, detail))
        elif not lesson.assistant_tokens:
            detail = "no message of the assistant, so nothing to learn"
            removed.append(Removal("dropped", "no_answer", conversation.id, "", conversation.id, detail))
        else:
            lessons.append(lesson)
    return lessons, removed


def _unreached(lessons: Sequence[Lesson], times: Mapping[int, int]) -> list[Removal]:
    detail = "training ended before its turn came (model.sft.tokens, model.sft.epochs)"
    return [
        Removal("dropped", "over_budget", lesson.id, "", lesson.id, detail)
        for index, lesson in enumerate(lessons)
        if index not in times
    ]


def _table(conversations: Sequence[Conversation], lessons: Sequence[Lesson], times: Mapping[int, int]) -> pa.Table:
    by_id = {conversation.id: conversation for conversation in conversations}
    return pa.Table.from_pylist(
        [
            {
                "id": lesson.id,
                "task": by_id[lesson.id].task,
                "document_ids": by_id[lesson.id].document_ids,
                "tokens": len(lesson.rendered.ids),
                "assistant_tokens": lesson.assistant_tokens,
                "times": times[index],
            }
            for index, lesson in enumerate(lessons)
            if index in times
        ],
        schema=TRAINED,
    )


def _measure(job: Job, lines: Sequence[LogLine]) -> None:
    """Figures of the whole training, over all the runs that it took."""
    tokens, seconds = sum(line.tokens for line in lines), sum(line.seconds for line in lines)
    ends = max(1, round(ENDS * len(lines)))
    job.metric("steps", len(lines))
    job.metric("tokens", tokens)
    job.metric("assistant_tokens", sum(line.assistant_tokens for line in lines))
    job.metric("seconds", round(seconds, 1))
    job.metric("tokens_per_second", round(tokens / seconds, 1))
    job.metric("loss_at_start", round(_mean_loss(lines[:ends]), 4))
    job.metric("loss_at_end", round(_mean_loss(lines[-ends:]), 4))


def _mean_loss(lines: Sequence[LogLine]) -> float:
    """Nats per assistant token."""
    return sum(line.loss * line.assistant_tokens for line in lines) / sum(line.assistant_tokens for line in lines)
