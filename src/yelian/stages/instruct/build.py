"""instruct.build: from documents to conversations that need no model, one candidate per document and task."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Self

import pyarrow as pa

from yelian.core import records
from yelian.core.digest import Json, digest
from yelian.core.errors import RecipeError
from yelian.core.ledger import Removal
from yelian.core.nearest import did_you_mean
from yelian.core.records import Conversation, Document, Message
from yelian.engine.stage import Job, Stage
from yelian.recipe.schema import Instruct, Recipe
from yelian.stages.instruct.methods import METHODS, UnfitError
from yelian.stages.instruct.tasks import Task, list_tasks
from yelian.text.article import Article, split
from yelian.text.normalise import squeeze

ORIGIN = "back-construction"
SIDES = ("train", "held_out")


class Build(Stage):
    """Every pair of a document and a task becomes a conversation, or a removal with the reason why not."""

    NAME: ClassVar[str] = "instruct.build"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "candidates"

    def __init__(self, instruct: Instruct, domain: str) -> None:
        self.instruct = instruct
        self.domain = domain

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """The stage for the recipe's tasks."""
        return cls(recipe.instruct, recipe.domain)

    def params(self) -> Mapping[str, Json]:
        """The settings, and the digest of each task as its file defines it."""
        return {
            "tasks": [[task.id, digest(task.model_dump(mode="json", by_alias=True))] for task in self._tasks],
            "max_chars": self.instruct.max_chars,
            "seed": self.instruct.seed,
        }

    def reads(self) -> tuple[str, ...]:
        """The clean documents."""
        return ("corpus.clean",)

    def check(self) -> None:
        """RecipeError for a task that the domain does not have, or that is named twice."""
        known = [task.id for task in list_tasks(self.domain)]
        for index, name in enumerate(self.instruct.tasks):
            key = ("instruct", "tasks", index)
            if name not in known:
                raise RecipeError(
                    f"instruct.tasks: the domain {self.domain!r} has no task {name!r}",
                    fix=did_you_mean(name, known),
                    key=key,
                )
            if name in self.instruct.tasks[:index]:
                raise RecipeError(f"instruct.tasks: {name!r} is named twice", fix="remove one of the two", key=key)

    def run(self, job: Job) -> None:
        """Both sides, batch by batch; a document's conversations are on its own side."""
        source = job.inputs["corpus.clean"]
        total = sum(source.count(side) for side in SIDES)
        done = 0
        for side in SIDES:
            for index, batch in enumerate(source.batches(side)):
                part = f"{side}-{index:06d}"
                if not job.has(part):
                    self._write(job, part, side, batch)
                done += batch.num_rows
                job.progress(done, total, "documents")

    @functools.cached_property
    def _tasks(self) -> list[Task]:
        by_id = {task.id: task for task in list_tasks(self.domain)}
        return [by_id[name] for name in self.instruct.tasks]

    def _write(self, job: Job, part: str, side: str, batch: pa.RecordBatch) -> None:
        made: list[Conversation] = []
        removed: list[Removal] = []
        for document in records.rows(Document, [batch]):
            for task in self._tasks:
                try:
                    made.append(conversation(document, task, self.instruct))
                except UnfitError as error:
                    removed.append(_dropped(document, task, error))
        job.commit(
            part,
            read=batch.num_rows * len(self._tasks),
            tables={side: records.table(Conversation, made)},
            removed=removed,
        )


def _dropped(document: Document, task: Task, error: UnfitError) -> Removal:
    detail = f"{task.id}: {error.detail}"
    return Removal("dropped", error.reason, document.source, document.locator, document.id, detail)


def conversation(document: Document, task: Task, instruct: Instruct) -> Conversation:
    """One question and its real answer. UnfitError when the document does not give the task what it needs."""
    if document.language != "zh":
        raise UnfitError("other_language", f"the text is {document.language}, the prompts are Chinese")
    article = shortened(split(document.text, document.title), instruct.max_chars)
    pair = METHODS[task.method](article, task.limits)
    if not task.extractive and squeeze(pair.answer) in squeeze("".join(pair.inputs.values())):
        raise UnfitError("answer_in_prompt", "the input already holds the answer")
    choice = int(digest([document.id, task.id, instruct.seed])[:8], 16) % len(task.prompts)
    prompt = task.prompts[choice].strip().format_map(pair.inputs)
    messages: list[Message] = [
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": pair.answer},
    ]
    ids = [document.id]
    return Conversation(
        id=records.conversation_id(messages, task.id, ids),
        messages=messages,
        task=task.id,
        document_ids=ids,
        origin=ORIGIN,
        generator=f"{ORIGIN}:{task.id}/{choice + 1}",
    )


def shortened(article: Article, max_chars: int) -> Article:
    """The article up to the last paragraph end within `max_chars` (white space not counted); UnfitError without one."""
    chars = 0
    for count, block in enumerate(article.blocks):
        chars += len(squeeze(block.text))
        if chars > max_chars:
            kept = article.blocks[:count]
            while kept and kept[-1].heading:
                kept = kept[:-1]
            if not kept:
                raise UnfitError("first_paragraph_too_long", f"it ends after more than {max_chars} characters")
            return replace(article, blocks=kept)
    return article
