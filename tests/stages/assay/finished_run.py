"""A run that has come as far as the trained model, made of twelve small documents and no model: what the report and
the release are tested on. Figures are chosen so that base and tuned differ by half a nat per character."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from support import recipe
from yelian.core import files
from yelian.core.digest import digest
from yelian.core.ledger import Removal
from yelian.core.records import Conversation, Document, conversation_id, document_id, table
from yelian.engine.job import FolderJob
from yelian.engine.stage import Artifact, Stage
from yelian.llm.local import Answer, Nats, TextNats
from yelian.recipe.schema import Recipe, Run
from yelian.stages.assay.measure import MeasureBase, MeasureTuned
from yelian.stages.assay.report import Report

BASE = {"name": "gemma3-270m", "licence": "Gemma Terms of Use", "terms": "https://ai.google.dev/gemma/terms"}
COST = {"wall_seconds": 61.25, "cpu_seconds": 118.5, "peak_memory_mb": 1234.5, "money": None, "currency": None}


def small_recipe(folder: Path, **sections: Any) -> Recipe:
    """Two tasks, both written out."""
    assay = {"questions": "quickstart", "answer_tasks": ("MU01", "MU02"), "bootstrap": 400}
    return recipe(
        folder,
        **{
            "name": "county-news",
            "instruct": {"tasks": ("MU01", "MU02")},
            "model": {"base": "embedded:gemma3-270m"},
            "assay": assay,
            **sections,
        },
    )


def documents() -> list[Document]:
    """Twelve reports from two sources, one of which states no licence."""
    made = []
    for number in range(12):
        source = f"{'press' if number % 3 else 'web'}/{number:02}.md"
        text = f"3月{number + 1}日，青石县第{number + 1}小学的{40 + number}名学生种下{200 + number}棵树。" * (
            1 + number % 3
        )
        title = f"{40 + number}名学生种下{200 + number}棵树"
        licence = "CC-BY-4.0" if number % 3 else "unknown"
        identity = document_id(source, "", text)
        made.append(Document(identity, text, source, "", "zh", title, "2025-03-01", licence, [], {}))
    return made


def conversations(some: Iterable[Document]) -> list[Conversation]:
    """A headline and a lead of each document."""
    made = []
    for document in some:
        for task, answer in (("MU01", document.title or ""), ("MU02", document.text[:20])):
            messages = [
                {"role": "user", "content": f"请写{task}。\n\n{document.text}"},
                {"role": "assistant", "content": answer},
            ]
            made.append(
                Conversation(
                    conversation_id(messages, task, [document.id]),
                    messages,
                    task,
                    [document.id],
                    "back",
                    f"back:{task}",
                )
            )
    return made


class ScriptedModel:
    """`LocalModel`'s methods. Tuned, it finds text half a nat per character likelier and answers from it."""

    def __init__(self, tuned: bool) -> None:
        self.tuned = tuned
        self.calls: list[str] = []

    def answer_nats(self, conversations: Sequence[Sequence[Mapping[str, str]]]) -> list[Nats]:
        self.calls.append("answer_nats")
        return [self._nats(each[-1]["content"]) for each in conversations]

    def text_nats(self, texts: Sequence[str]) -> list[TextNats]:
        self.calls.append("text_nats")
        return [TextNats(nats.words, nats.tokens, len(text)) for text in texts for nats in [self._nats(text)]]

    def answer(self, prompts: Sequence[Sequence[Mapping[str, str]]], max_new_tokens: int) -> list[Answer]:
        self.calls.append("answer")
        return [self._answer(each[-1]["content"]) for each in prompts]

    def close(self) -> None:
        self.calls.append("close")

    def _nats(self, text: str) -> Nats:
        wobble = int(digest(text)[:4], 16) / 65536  # 0 to 1, the text's own
        words = len(text) * (3.0 + wobble - (0.5 + wobble / 4) * self.tuned)
        return Nats(words, 0.1 if self.tuned else 9.0 + wobble, len(text))

    def _answer(self, prompt: str) -> Answer:
        body = prompt.rpartition("\n\n")[2]
        return Answer(body[5:20], True) if self.tuned else Answer("学生学生学生" + body[:3], False)


def artifact(root: Path, stage: str, parts: Mapping[str, pa.Table], **manifest: Any) -> Artifact:
    """A sealed artifact with one part per table."""
    name = f"{stage}-{digest([stage])[:12]}"
    removed = manifest.pop("removed", [])
    kept = manifest.pop("kept", None) or sum(each.num_rows for each in parts.values())
    job = FolderJob(stage, manifest.pop("unit", "documents"), root / name, {}, Run())
    job.commit("all", read=kept + len(removed), tables=parts, removed=removed)
    return seal(root, name, job, **manifest)


def seal(root: Path, name: str, job: FolderJob, **manifest: Any) -> Artifact:
    """Write the manifest as the engine does, in its main points."""
    whole = {
        "id": name,
        "stage": job.stage,
        "ledger": job.ledger().as_json(),
        "metrics": job.metrics,
        "cost": COST,
        **manifest,
    }
    files.write_text(root / name / "manifest.json", json.dumps(whole, ensure_ascii=False))
    return Artifact(name, root / name, whole)


def trained(root: Path) -> dict[str, Artifact]:
    """The artifacts from corpus.read to model.tune."""
    every = documents()
    train, held_out = every[:4], every[4:]
    copies = [
        Removal("dropped", "exact_duplicate", "press/13.md"),
        Removal("rejected", "unreadable_pdf", "press/14.pdf"),
    ]
    talks = {
        "train": table(Conversation, conversations(train)),
        "held_out": table(Conversation, conversations(held_out)),
    }
    split = {"train": table(Document, train), "held_out": table(Document, held_out)}
    made = {
        "corpus.read": artifact(root, "corpus.read", {"documents": table(Document, every)}, removed=copies[1:]),
        "corpus.clean": artifact(root, "corpus.clean", split, removed=copies[:1], params={"held_out": 0.25}),
        "instruct.build": artifact(root, "instruct.build", talks, unit="candidates"),
        "model.base": artifact(
            root, "model.base", {"files": pa.table({"path": ["model.safetensors"]})}, unit="files", metrics=dict(BASE)
        ),
        "model.tune": artifact(root, "model.tune", {"trained": pa.table({"id": ["a", "b"]})}, unit="conversations"),
    }
    log = [
        {"step": step, "loss": 3.2 - 0.1 * step, "learning_rate": 1e-3, "tokens": 100 * step} for step in range(1, 9)
    ]
    lines = "".join(json.dumps(line) + "\n" for line in log)
    files.write_text(made["model.tune"].path / "log.jsonl", lines)
    for stage, folder in (("model.base", "model"), ("model.tune", "adapter")):
        files.write_text(made[stage].path / folder / "config.json", '{"model_type": "gemma3_text"}')
    return made


def run(stage: Stage, root: Path, inputs: Mapping[str, Artifact]) -> Artifact:
    """Check and run a stage on the artifacts that it reads."""
    stage.check()
    name = f"{stage.NAME}-{digest([stage.NAME])[:12]}"
    job = FolderJob(stage.NAME, stage.UNIT, root / name, {each: inputs[each] for each in stage.reads()}, Run())
    stage.run(job)
    job.ledger().check(stage.NAME)
    return seal(root, name, job)


def measured(root: Path, wanted: Recipe, monkeypatch: Any) -> dict[str, Artifact]:
    """The artifacts from corpus.read to assay.tuned."""
    made = trained(root)
    monkeypatch.setattr(
        "yelian.llm.local.LocalModel.load", lambda base, adapter, device, threads: ScriptedModel(adapter is not None)
    )
    for stage in (MeasureBase(wanted), MeasureTuned(wanted)):
        made[stage.NAME] = run(stage, root, made)
    return made


def without_charts(monkeypatch: Any) -> None:
    """Leave out the drawing, a second a page."""
    monkeypatch.setattr("yelian.stages.assay.charts.both", lambda draw, wide: {"wide": "<svg/>", "narrow": "<svg/>"})


def reported(root: Path, wanted: Recipe, monkeypatch: Any) -> dict[str, Artifact]:
    """The artifacts from corpus.read to assay.report, whose page is without charts."""
    without_charts(monkeypatch)
    made = measured(root, wanted, monkeypatch)
    made["assay.report"] = run(Report(wanted), root, made)
    return made
