"""The run: make every artifact that is not there, one after the other, and write down what was done."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import os
import platform
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import psutil

from yelian.core import files, memory
from yelian.core.errors import InputError, YelianError
from yelian.engine.job import PROGRAM, Display, FolderJob
from yelian.engine.plan import Plan, Step
from yelian.engine.stage import Artifact
from yelian.engine.store import Store
from yelian.recipe.schema import Run


@dataclasses.dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: its id, the artifact of every stage, and the stages that did work."""

    id: str
    artifacts: Mapping[str, Artifact]
    computed: tuple[str, ...]

    @property
    def ledgers_balance(self) -> bool:
        """Whether every ledger of every stage balances, read back from the manifests."""
        return all(artifact.ledger.balances for artifact in self.artifacts.values())


def execute(plan: Plan, store: Store, display: Display, program: str = PROGRAM) -> RunResult:
    """Make what the plan lacks. Safe beside another run of the same recipe, and after one that was killed.

    `program` is how this shell calls Yelian, for the commands that pages and cards show.
    """
    record = _Record(store, plan)
    artifacts: dict[str, Artifact] = {}
    computed: list[str] = []
    try:
        for index, step in enumerate(plan.steps, start=1):
            artifact = _cached(step, store, display, index, len(plan.steps))
            if artifact is None:
                with store.lock(step.artifact, display):
                    artifact = _cached(step, store, display, index, len(plan.steps))  # another run may have made it
                    if artifact is None:
                        display.begin(step.stage.NAME, index, len(plan.steps), step.why)
                        artifact = _make(step, artifacts, plan.loaded.recipe.run, store, display, program)
                        computed.append(step.stage.NAME)
            artifacts[step.stage.NAME] = artifact
            record.done(step, step.stage.NAME in computed)
    except BaseException as error:
        record.end("failed" if isinstance(error, Exception) else "stopped", str(error) or type(error).__name__)
        raise
    record.end("done")
    return RunResult(record.id, artifacts, tuple(computed))


def _cached(step: Step, store: Store, display: Display, index: int, count: int) -> Artifact | None:
    if not store.has(step.artifact):
        return None
    display.cached(step.stage.NAME, index, count)
    return store.get(step.artifact)


def _make(
    step: Step, made: Mapping[str, Artifact], settings: Run, store: Store, display: Display, program: str
) -> Artifact:
    stage = step.stage
    folder = store.building(step.artifact)
    inputs = {name: made[name] for name in stage.reads()}
    with files.explained(folder):
        job = FolderJob(stage.NAME, stage.UNIT, folder, inputs, settings, display, program)
        with _meter() as cost:
            stage.run(job)
        ledger = job.ledger()
        ledger.check(stage.NAME)
        memory.release()  # or the next stage would pay for this one's peak
        artifact = store.seal(step.artifact, _manifest(step, job, _priced(cost, settings)))
    display.end(ledger, cost["wall_seconds"])
    return artifact


def _manifest(step: Step, job: FolderJob, cost: Mapping[str, Any]) -> dict[str, Any]:
    stage = step.stage
    places = {name: str(path.resolve()) for name, path in stage.outside().items()}
    tables = sorted({path.parent.name for path in job.folder.glob("*/*.parquet")})
    view = Artifact(step.artifact, job.folder, {})
    return {
        "id": step.artifact,
        "stage": stage.NAME,
        "version": stage.VERSION,
        "params": dict(stage.params()),
        "inputs": dict(step.inputs),
        "outside": dict(step.outside),
        "outside_paths": places,
        "libraries": _libraries(),
        "ledger": job.ledger().as_json(),
        "counts": {table: view.count(table) for table in tables},
        "metrics": job.metrics,
        "cost": dict(cost),
        "created_at": _now(),
    }


def _libraries() -> dict[str, str]:
    """Versions of Python and of every library that Yelian names, where it is installed."""
    found = {"python": platform.python_version()}
    for line in importlib.metadata.requires("yelian") or ():
        name = re.split(r"[ ;<>=!~\[]", line, maxsplit=1)[0]
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # an extra that is not installed
            found[name] = importlib.metadata.version(name)
    return {"yelian": importlib.metadata.version("yelian"), **found}


@contextlib.contextmanager
def _meter() -> Iterator[dict[str, float]]:
    """Wall and CPU seconds of the block, and the peak resident memory of this process sampled ten times a second."""
    process, stop, peak = psutil.Process(), threading.Event(), [0]

    def sample() -> None:
        while not stop.wait(0.1):
            peak[0] = max(peak[0], process.memory_info().rss)

    cost: dict[str, float] = {}
    peak[0] = process.memory_info().rss
    sampler = threading.Thread(target=sample, daemon=True)
    wall, cpu = time.monotonic(), time.process_time()
    sampler.start()
    try:
        yield cost
    finally:
        stop.set()
        sampler.join()
        cost["wall_seconds"] = round(time.monotonic() - wall, 3)
        cost["cpu_seconds"] = round(time.process_time() - cpu, 3)
        cost["peak_memory_mb"] = round(max(peak[0], process.memory_info().rss) / 1e6, 1)


def _priced(cost: Mapping[str, float], settings: Run) -> dict[str, Any]:
    """The cost with money, where the recipe states what an hour of this machine costs."""
    if settings.price_per_hour is None:
        return {**cost, "money": None, "currency": None}
    money = round(cost["wall_seconds"] / 3600 * settings.price_per_hour, 4)
    return {**cost, "money": money, "currency": settings.currency}


class _Record:
    """The run's own file, rewritten whole after every stage."""

    def __init__(self, store: Store, plan: Plan) -> None:
        self.id = f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self._path = store.runs / f"{self.id}.json"
        self._value: dict[str, Any] = {
            "id": self.id,
            "recipe": str(plan.loaded.path),
            "name": plan.loaded.recipe.name,
            "status": "running",
            "pid": os.getpid(),
            "started_at": _now(),
            "ended_at": None,
            "error": None,
            "settings": plan.loaded.recipe.model_dump(mode="json"),
            "steps": [],
        }
        self._write()

    def done(self, step: Step, computed: bool) -> None:
        """A stage has its artifact."""
        self._value["steps"].append({"stage": step.stage.NAME, "artifact": step.artifact, "computed": computed})
        self._write()

    def end(self, status: str, error: str | None = None) -> None:
        """The run is over. A disk that is full must not hide the error that ended the run."""
        self._value |= {"status": status, "ended_at": _now(), "error": error}
        with contextlib.suppress(YelianError) if error else contextlib.nullcontext():
            self._write()

    def _write(self) -> None:
        files.write_text(self._path, json.dumps(self._value, ensure_ascii=False, indent=2))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def run_records(store: Store) -> list[dict[str, Any]]:
    """Every run, oldest first; a run whose process is gone without a word counts as killed."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in store.runs.glob("run-*.json")]
    records.sort(key=lambda record: (record["started_at"], record["id"]))
    for record in records:
        if record["status"] == "running" and not psutil.pid_exists(record["pid"]):
            record["status"] = "killed"
    return records


def run_record(store: Store, run: str) -> dict[str, Any]:
    """One run by its id."""
    path = store.runs / f"{run}.json"
    if not path.exists():
        raise InputError(f"no run {run}", fix="list them with `yelian runs`")
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
