"""Everything a report says, as one JSON value: `report.json` is this value, and the page shows nothing else."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import pyarrow.compute as pc
import yaml

from yelian.engine.stage import Artifact
from yelian.recipe.schema import Recipe
from yelian.stages.assay.comparisons import Comparison, Level, Pair
from yelian.stages.assay.statistics import FEW_DOCUMENTS

FORMAT = 1  # of report.json
EXAMPLES_PER_TASK = 2  # written answers shown per task; the first by id, never by score
UNKNOWN = "unknown"


def findings(
    recipe: Recipe,
    level: Level,
    inputs: Mapping[str, Artifact],
    comparisons: Sequence[Comparison],
    pairs: Sequence[Pair],
    shell: Callable[..., str],
) -> dict[str, Any]:
    """The report as plain JSON.

    `inputs` holds the artifacts of all earlier stages, in the order of the pipeline; `shell` makes a command line
    that can be pasted of the words behind `yelian`.
    """
    sources = source_table(inputs["corpus.clean"])
    training = training_facts(inputs["model.tune"])
    examples = list(_examples(pairs))
    return {
        "format": FORMAT,
        "name": recipe.name,
        "language": recipe.language,
        "base_model": recipe.model.base,
        "trimmed": recipe.model.trim is not None,
        "method": dataclasses.asdict(level),
        "tasks": task_names(recipe.domain, recipe.language),
        "comparisons": [dataclasses.asdict(each) for each in comparisons],
        "artifacts": [{"stage": stage, "id": artifact.id} for stage, artifact in inputs.items()],
        "ledgers": [
            {"stage": stage, "artifact": artifact.id, **artifact.ledger.as_json()} for stage, artifact in inputs.items()
        ],
        "sources": sources,
        "conversations": {
            "artifact": inputs["instruct.build"].id,
            **{side: inputs["instruct.build"].count(side) for side in ("train", "held_out")},
        },
        "training": training,
        "costs": [
            {"stage": stage, "artifact": artifact.id, **artifact.manifest["cost"]} for stage, artifact in inputs.items()
        ],
        "examples": examples,
        "answers": _answer_counts(pairs),
        "commands": _commands(inputs, examples, shell),
        "warnings": [*_warnings(comparisons, sources, pairs), _base_terms(inputs["model.base"].metrics)],
    }


def task_names(domain: str, language: str) -> dict[str, str]:
    """Names of the domain's tasks in a language, by code."""
    folder = resources.files("yelian.domains").joinpath(domain, "tasks")
    files = [file for file in folder.iterdir() if file.name.endswith(".yaml")] if folder.is_dir() else []
    tasks = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    return {task["id"]: task[language] for task in sorted(tasks, key=lambda task: str(task["id"]))}


def source_table(clean: Artifact) -> list[dict[str, Any]]:
    """Documents and characters by source and licence, on each side of the split."""
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(
        lambda: {"train": 0, "held_out": 0, "train_characters": 0, "held_out_characters": 0}
    )
    for side in ("train", "held_out"):
        for batch in clean.batches(side, ["source", "licence", "text"]):
            lengths = pc.utf8_length(batch.column("text")).to_pylist()
            places = zip(batch.column("source").to_pylist(), batch.column("licence").to_pylist(), lengths, strict=True)
            for source, licence, length in places:
                row = counts[source.partition("/")[0], licence]
                row[side] += 1
                row[f"{side}_characters"] += length
    return [
        {"source": source, "licence": licence, "artifact": clean.id, **row}
        for (source, licence), row in sorted(counts.items())
    ]


def training_facts(tune: Artifact) -> dict[str, Any]:
    """The training log (step, loss in nats per assistant token, learning rate, tokens of the step) and its sums."""
    lines = (tune.path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    log = [json.loads(line) for line in lines if line.strip()]
    return {
        "artifact": tune.id,
        "conversations": tune.count("trained"),
        "steps": log[-1]["step"] if log else 0,
        "tokens": sum(line["tokens"] for line in log),
        "log": log,
    }


def _examples(pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    """Held-out answers beside the real ones, then the fixed questions."""
    shown: dict[str, int] = defaultdict(int)
    for each in pairs:
        if each.base.kind == "written_answer" and shown[each.base.task] < EXAMPLES_PER_TASK:
            shown[each.base.task] += 1
            yield _example(each)
    for each in pairs:
        if each.base.kind == "question":
            yield _example(each)


def _example(pair: Pair) -> dict[str, Any]:
    return {
        "kind": pair.base.kind,
        "id": pair.base.id,
        "task": pair.base.task,
        "document_ids": pair.base.document_ids,
        "prompt": pair.base.prompt,
        "reference": pair.base.reference,
        **{
            arm: {"answer": item.answer, "finished": item.finished, "scores": item.scores}
            for arm, item in (("base", pair.base), ("tuned", pair.tuned))
        },
    }


def _answer_counts(pairs: Sequence[Pair]) -> dict[str, int]:
    """How many answers were written per arm, and how many ran into the longest allowed answer."""
    written = [each for each in pairs if each.base.answer is not None]
    return {
        "written": len(written),
        "unfinished_base": sum(not each.base.finished for each in written),
        "unfinished_tuned": sum(not each.tuned.finished for each in written),
    }


def _commands(
    inputs: Mapping[str, Artifact], examples: Sequence[Mapping[str, Any]], shell: Callable[..., str]
) -> list[dict[str, str]]:
    """Commands that work as they stand, each with the name of its explanation."""
    tune, tuned = inputs["model.tune"].id, inputs["assay.tuned"].id
    found = [
        {"why": "chat", "command": shell("chat", tune)},
        {"why": "trace_model", "command": shell("trace", tune)},
        {"why": "show_model", "command": shell("show", tune)},
        {"why": "show_assay", "command": shell("show", tuned)},
    ]
    conversation = next((each["id"] for each in examples if each["kind"] == "written_answer"), None)
    if conversation:
        found.insert(0, {"why": "trace_item", "command": shell("trace", conversation)})
    return found


def _warnings(
    comparisons: Sequence[Comparison], sources: Sequence[Mapping[str, Any]], pairs: Sequence[Pair]
) -> Iterator[dict[str, Any]]:
    """What a reader must know before believing a figure: a code and the values that its text needs."""
    main = comparisons[0]
    if main.documents < FEW_DOCUMENTS:
        yield {"code": "few_documents", "values": {"documents": main.documents, "limit": FEW_DOCUMENTS}}
    missing = sum(each.low is None for each in comparisons)
    if missing:
        yield {"code": "no_interval", "values": {"comparisons": missing}}
    answers = _answer_counts(pairs)
    if answers["unfinished_base"] or answers["unfinished_tuned"]:
        yield {"code": "unfinished", "values": answers}
    excluded = sum(each.excluded for each in comparisons)
    if excluded:
        yield {"code": "excluded", "values": {"items": excluded}}
    unknown = sum(row["train"] + row["held_out"] for row in sources if row["licence"] == UNKNOWN)
    if unknown:
        yield {"code": "licence_unknown", "values": {"documents": unknown}}


def _base_terms(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Whose terms bind the tuned model, as `model.base` found them."""
    if facts["licence"] == UNKNOWN:
        return {"code": "base_terms_unknown", "values": {"name": facts["name"]}}
    return {"code": "base_terms", "values": {"name": facts["name"], "licence": facts["licence"]}}
