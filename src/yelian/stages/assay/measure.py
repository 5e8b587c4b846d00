"""Measure one model on the held-out part: likelihoods of real texts, written answers, answers to fixed questions.

Base and tuned are two artifacts of one measurement, so that a new seed of the training leaves the base's figures as
they are. Both measure the same items with the same vocabulary: where the recipe trims it, the base is the trimmed
model without adapter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from yelian.core.digest import Json
from yelian.core.errors import RecipeError
from yelian.core.ledger import Removal
from yelian.core.nearest import did_you_mean
from yelian.core.records import Conversation, Document, Message, rows
from yelian.engine.stage import Job, Stage
from yelian.recipe.schema import Recipe
from yelian.stages.assay import items
from yelian.stages.assay.items import ARTICLES, Item
from yelian.stages.assay.questions import Question, question_file, read_questions
from yelian.stages.assay.scores import written_scores

if TYPE_CHECKING:
    from yelian.llm.local import LocalModel

PART_ITEMS = 16  # items per part: a killed run repeats at most this many


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Work:
    """One part: its name, how many items it has, and how a model measures them."""

    part: str
    size: int
    measure: Callable[[LocalModel], list[Item]]


class Measure(Stage):
    """What base and tuned have in common. `WITH_ADAPTER` says which of the two it is."""

    VERSION = 1
    UNIT = "items"
    WITH_ADAPTER: ClassVar[bool]

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._assay = recipe.assay
        self._model = "model.trim" if recipe.model.trim else "model.base"

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """Every recipe measures both."""
        return cls(recipe)

    def params(self) -> Mapping[str, Json]:
        """The questions are an outside file."""
        return {
            "items_per_task": self._assay.items_per_task,
            "answer_tasks": list(self._assay.answer_tasks),
            "max_new_tokens": self._assay.max_new_tokens,
        }

    def reads(self) -> tuple[str, ...]:
        """The held-out part, and the model."""
        tuned = ("model.tune",) if self.WITH_ADAPTER else ()
        return ("corpus.clean", "instruct.build", self._model, *tuned)

    def outside(self) -> Mapping[str, Path]:
        """The question set."""
        return {"questions": question_file(self._recipe)}

    def check(self) -> None:
        """The question set is sound, and the tasks to be written out are tasks of the recipe."""
        read_questions(question_file(self._recipe))
        tasks = self._recipe.instruct.tasks
        for index, task in enumerate(self._assay.answer_tasks):
            if task not in tasks:
                raise RecipeError(
                    f"assay.answer_tasks names {task!r}, which is not among instruct.tasks",
                    fix=did_you_mean(task, tasks),
                    key=("assay", "answer_tasks", index),
                )

    def run(self, job: Job) -> None:
        """Choose the items, then measure part by part. The model is loaded only if a part is missing."""
        conversations, articles, over = self._chosen(job)
        if not job.has("over-limit"):
            job.commit("over-limit", read=len(over), tables={items.TABLE: items.table([])}, removed=over)
        questions = read_questions(question_file(self._recipe))
        work = list(self._work(conversations, articles, questions))
        missing = [each for each in work if not job.has(each.part)]
        total = sum(each.size for each in work)
        done = total - sum(each.size for each in missing)
        job.progress(done, total, self.UNIT)
        if not missing:
            return
        model = self._load(job)
        try:
            for each in missing:
                measured = each.measure(model)
                kept = [item for item in measured if item.tokens != 0]
                job.commit(
                    each.part,
                    read=each.size,
                    tables={items.TABLE: items.table(kept)},
                    removed=[_unmeasured(item) for item in measured if item.tokens == 0],
                )
                done += each.size
                job.progress(done, total, self.UNIT)
        finally:
            model.close()

    def _chosen(self, job: Job) -> tuple[list[Conversation], list[Document], list[Removal]]:
        """At most `items_per_task` conversations per task, and as many articles.

        An id is a digest, so the order of ids is a random order that no score and no author can influence.
        """
        limit, over = self._assay.items_per_task, list[Removal]()
        tasks: dict[str, list[Conversation]] = defaultdict(list)
        for conversation in rows(Conversation, job.inputs["instruct.build"].batches("held_out")):
            tasks[conversation.task].append(conversation)
        chosen = list[Conversation]()
        for task in sorted(tasks):
            ordered = sorted(tasks[task], key=lambda each: each.id)
            chosen += ordered[:limit]
            over += [_over_limit(each.id, f"held-out conversation of {task}", limit) for each in ordered[limit:]]
        articles = sorted(
            rows(Document, job.inputs["corpus.clean"].batches("held_out")), key=lambda document: document.id
        )
        over += [_over_limit(each.id, "held-out article", limit) for each in articles[limit:]]
        return chosen, articles[:limit], over

    def _work(
        self, conversations: Sequence[Conversation], articles: Sequence[Document], questions: Sequence[Question]
    ) -> Iterator[_Work]:
        written = [each for each in conversations if each.task in self._assay.answer_tasks]
        longest = self._assay.max_new_tokens
        yield from _parts("answers", conversations, answer_items)
        yield from _parts("articles", articles, article_items)
        yield from _parts("written", written, partial(written_items, longest=longest))
        yield from _parts("questions", questions, partial(question_items, longest=longest))

    def _load(self, job: Job) -> LocalModel:
        from yelian.llm.local import LocalModel

        adapter = job.inputs["model.tune"].path / "adapter" if self.WITH_ADAPTER else None
        return LocalModel.load(
            job.inputs[self._model].path / "model", adapter, device=job.settings.device, threads=job.settings.threads
        )


class MeasureBase(Measure):
    """The base model. It does not read `model.tune`: a new training seed re-uses it."""

    NAME = "assay.base"
    WITH_ADAPTER = False


class MeasureTuned(Measure):
    """The base model with the adapter."""

    NAME = "assay.tuned"
    WITH_ADAPTER = True


def answer_items(conversations: Sequence[Conversation], model: LocalModel) -> list[Item]:
    """How likely the model finds the real answers: nats of the assistant's words, and of the ends of its turns."""
    measured = model.answer_nats([each.messages for each in conversations])
    return [
        Item(
            each.id,
            "answer_likelihood",
            each.task,
            each.document_ids,
            nats=nats.words,
            ending_nats=nats.endings,
            tokens=nats.tokens,
            characters=sum(len(message["content"]) for message in each.messages if message["role"] == "assistant"),
        )
        for each, nats in zip(conversations, measured, strict=True)
    ]


def article_items(articles: Sequence[Document], model: LocalModel) -> list[Item]:
    """How likely the model finds raw articles, without any prompt."""
    measured = model.text_nats([each.text for each in articles])
    return [
        Item(
            each.id,
            "article_likelihood",
            ARTICLES,
            [each.id],
            nats=nats.total,
            tokens=nats.tokens,
            characters=nats.characters,
        )
        for each, nats in zip(articles, measured, strict=True)
    ]


def written_items(conversations: Sequence[Conversation], model: LocalModel, *, longest: int) -> list[Item]:
    """What the model writes where a real text stands, with scores against that text."""
    asked = [_before_answer(each.messages) for each in conversations]
    answers = model.answer([prompt for prompt, _ in asked], longest)
    return [
        Item(
            each.id,
            "written_answer",
            each.task,
            each.document_ids,
            prompt=items.plain(prompt),
            reference=reference,
            answer=answer.text,
            finished=answer.finished,
            scores=written_scores(reference, answer.text),
        )
        for each, (prompt, reference), answer in zip(conversations, asked, answers, strict=True)
    ]


def question_items(questions: Sequence[Question], model: LocalModel, *, longest: int) -> list[Item]:
    """What the model answers to the fixed questions; nothing to score them against."""
    answers = model.answer([each.messages for each in questions], longest)
    return [
        Item(
            each.id,
            "question",
            each.task,
            [],
            prompt=items.plain(each.messages),
            answer=answer.text,
            finished=answer.finished,
        )
        for each, answer in zip(questions, answers, strict=True)
    ]


def _before_answer(messages: list[Message]) -> tuple[list[Message], str]:
    """The messages before the last answer, and that answer."""
    last = max(index for index, message in enumerate(messages) if message["role"] == "assistant")
    return messages[:last], messages[last]["content"]


def _parts(
    name: str, records: Sequence[T], measure: Callable[[Sequence[T], LocalModel], list[Item]]
) -> Iterator[_Work]:
    for start in range(0, len(records), PART_ITEMS):
        some = records[start : start + PART_ITEMS]
        yield _Work(f"{name}-{start // PART_ITEMS:05d}", len(some), partial(measure, some))


def _over_limit(record: str, what: str, limit: int) -> Removal:
    return Removal("dropped", "over_limit", record, record_id=record, detail=f"{what} beyond the first {limit} by id")


def _unmeasured(item: Item) -> Removal:
    detail = "the model's window holds no token of the text that was to be scored"
    return Removal("dropped", "no_scored_tokens", item.id, record_id=item.id, detail=detail)
