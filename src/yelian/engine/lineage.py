"""Lineage: from an id in a report, a card or a table back to the source files it came from; and what differs
between two runs.

It knows no stage. A table whose schema is that of `Document` holds documents; any table with a `document_ids`
column links its rows to them; everything else follows from the manifests' inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from yelian.core.errors import InputError
from yelian.core.nearest import did_you_mean
from yelian.core.records import DOCUMENT
from yelian.engine.plan import flat
from yelian.engine.run import run_record, run_records
from yelian.engine.stage import REMOVED, Artifact
from yelian.engine.store import Store

LINK = "document_ids"


def resolve(store: Store, name: str) -> str:
    """The full id of a run or artifact from any unique beginning of it; InputError when none or several fit."""
    known: list[str] = [artifact.id for artifact in store.all()]
    known += [record["id"] for record in run_records(store)]
    fitting = [each for each in known if each.startswith(name)]
    if name in fitting:
        return name
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(f"{name} fits {len(fitting)} ids", fix="give more of it: " + ", ".join(sorted(fitting)[:5]))
    raise InputError(f"no run or artifact {name} in {store.root}", fix=did_you_mean(name, known))


def trace(store: Store, name: str) -> dict[str, Any]:
    """Where `name` (a record, an artifact, a run, a release folder; or a unique beginning of an id) comes from.

    Returns plain JSON with `kind`, `id`, `documents` (each with source, file, locator, licence) and, for records,
    the row itself and the artifact that holds it.
    """
    artifact = _artifact(store, name)
    if artifact is None and name.startswith("run-"):
        record = run_record(store, resolve(store, name))
        last = record["steps"][-1]["artifact"] if record["steps"] else None
        documents = _documents(store, store.get(last)) if last else []
        return {"kind": "run", "id": record["id"], "recipe": record["recipe"], "steps": record["steps"]} | _by_source(
            documents
        )
    if artifact is not None:
        return {
            "kind": "artifact",
            "id": artifact.id,
            "stage": artifact.manifest["stage"],
            "inputs": artifact.manifest["inputs"],
            "ancestors": [each.id for each in _ancestors(store, artifact)],
        } | _by_source(_documents(store, artifact))
    return _trace_record(store, name)


def describe(store: Store, name: str) -> dict[str, Any]:
    """A run's record, an artifact's manifest or a record's row, as plain JSON."""
    artifact = _artifact(store, name)
    if artifact is not None:
        return dict(artifact.manifest)
    if name.startswith("run-"):
        return run_record(store, resolve(store, name))
    found = _trace_record(store, name)
    return {"id": found["id"], "kind": found["kind"], "artifact": found["artifact"], "record": found["record"]}


def _artifact(store: Store, name: str) -> Artifact | None:
    """The artifact that `name` begins, or that holds the folder or file `name`, such as a release folder."""
    if any(each.id.startswith(name) for each in store.all()):
        return store.get(resolve(store, name))
    path = Path(name).resolve()
    artifacts = (store.root / "artifacts").resolve()
    if not path.exists() or artifacts not in path.parents:
        return None
    return store.get(path.relative_to(artifacts).parts[0])


def _trace_record(store: Store, name: str) -> dict[str, Any]:
    found: dict[str, tuple[dict[str, Any], Artifact, str]] = {}
    for row, artifact, kind in _find_rows(store, name):
        found.setdefault(row["id"], (row, artifact, kind))  # the oldest made the record; later ones passed it on
    ids = sorted(found)
    if not ids:
        raise InputError(
            f"nothing in {store.root} has the id {name}",
            fix="take an id from a report, or list runs with `yelian runs`",
        )
    if len(ids) > 1 and name not in ids:
        raise InputError(f"{name} fits {len(ids)} records", fix="give more of it: " + ", ".join(ids[:5]))
    chosen = name if name in ids else ids[0]
    row, artifact, kind = found[chosen]
    links = [chosen] if kind == "document" else list(row.get(LINK) or ())
    return {
        "kind": kind,
        "id": chosen,
        "artifact": artifact.id,
        "record": row,
        "documents": _documents(store, artifact, set(links)),
    }


def _find_rows(store: Store, name: str) -> Iterator[tuple[dict[str, Any], Artifact, str]]:
    """Rows whose id begins with `name`, from the oldest artifact on, with the kind of record."""
    for artifact in store.all():
        for part in sorted(artifact.path.glob("*/*.parquet")):
            schema = pq.read_schema(part)
            # A table may number its rows, as that of a vocabulary does; an id of a record is a text.
            if part.parent.name == REMOVED or "id" not in schema.names or schema.field("id").type != pa.string():
                continue
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(columns=None):
                    hits = batch.filter(pc.starts_with(batch.column("id"), name))
                    kind = "document" if schema.equals(DOCUMENT) else "record"
                    yield from ((_plain(row), artifact, kind) for row in hits.to_pylist())


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row with Arrow maps (lists of pairs) as mappings."""
    return {
        key: dict(value) if isinstance(value, list) and value and isinstance(value[0], tuple) else value
        for key, value in row.items()
    }


def _ancestors(store: Store, artifact: Artifact) -> list[Artifact]:
    """The artifact's inputs and theirs, nearest first, each once."""
    found: dict[str, Artifact] = {}
    waiting = list(artifact.manifest["inputs"].values())
    while waiting:
        each = waiting.pop(0)
        if each not in found:
            found[each] = store.get(each)
            waiting.extend(found[each].manifest["inputs"].values())
    return list(found.values())


def _documents(store: Store, artifact: Artifact, wanted: set[str] | None = None) -> list[dict[str, Any]]:
    """The documents `wanted`, or those the artifact links to; where it links to none, those its inputs link to."""
    line = [artifact, *_ancestors(store, artifact)]
    if wanted is None:
        wanted = next((links for each in line if (links := _links(each))), set())
    documents: dict[str, dict[str, Any]] = {}
    for each in reversed(line):  # the oldest holds the source's own paths; the last writer wins below
        for row in _document_rows(each):
            if row["id"] in wanted:
                documents[row["id"]] = row
    files = _files(line)
    return [
        {**documents[key], "file": files.get(documents[key]["source"])}
        for key in sorted(documents, key=lambda k: (documents[k]["source"], documents[k]["locator"]))
    ]


def _links(artifact: Artifact) -> set[str]:
    """Every document id that a table of the artifact links to, or that it holds itself."""
    found: set[str] = set()
    for part in artifact.path.glob("*/*.parquet"):
        schema = pq.read_schema(part)
        if LINK in schema.names:
            column = pq.read_table(part, columns=[LINK]).column(LINK)
            found.update(pc.list_flatten(column).to_pylist())
        elif schema.equals(DOCUMENT):
            found.update(pq.read_table(part, columns=["id"]).column("id").to_pylist())
    return found


def _document_rows(artifact: Artifact) -> Iterator[dict[str, Any]]:
    columns = ["id", "source", "locator", "title", "published_at", "licence"]
    for part in sorted(artifact.path.glob("*/*.parquet")):
        if pq.read_schema(part).equals(DOCUMENT):
            table: pa.Table = pq.read_table(part, columns=columns)
            yield from table.to_pylist()


def _files(artifacts: Iterable[Artifact]) -> dict[str, str]:
    """Where each outside file lay when it was read, by its name."""
    return {name: path for artifact in artifacts for name, path in artifact.manifest["outside_paths"].items()}


def _by_source(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Documents with their counts by source file and by licence."""
    return {
        "documents": documents,
        "by_source": dict(sorted(Counter(document["source"] for document in documents).items())),
        "by_licence": dict(sorted(Counter(document["licence"] for document in documents).items())),
    }


def diff(store: Store, a: str, b: str) -> dict[str, Any]:
    """What differs between two runs: settings, artifacts, ledgers by reason, metrics; each as name → [a, b]."""
    left, right = (run_record(store, resolve(store, name)) for name in (a, b))
    artifacts = [{step["stage"]: step["artifact"] for step in record["steps"]} for record in (left, right)]
    return {
        "a": left["id"],
        "b": right["id"],
        "settings": differences(left["settings"], right["settings"]),
        "artifacts": differences(*artifacts),
        "ledgers": differences(*(_gather(store, side, "ledger") for side in artifacts)),
        "metrics": differences(*(_gather(store, side, "metrics") for side in artifacts)),
    }


def _gather(store: Store, side: Mapping[str, str], part: str) -> dict[str, Any]:
    return {stage: store.get(artifact).manifest[part] for stage, artifact in side.items()}


def differences(a: Any, b: Any) -> dict[str, list[Any]]:
    """Leaves that differ between two nested values, by dotted path; None where one side has none."""
    left, right = flat(a), flat(b)
    keys = sorted(left.keys() | right.keys())
    return {key: [left.get(key), right.get(key)] for key in keys if left.get(key) != right.get(key)}
