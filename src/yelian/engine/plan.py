"""The plan: every check before any work, then what is cached, what is new, and why."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from yelian.core.digest import Json
from yelian.core.errors import RecipeError, YelianError
from yelian.core.nearest import did_you_mean
from yelian.engine.fingerprints import Fingerprints
from yelian.engine.stage import Stage
from yelian.engine.store import Store, artifact_id
from yelian.recipe.loader import LoadedRecipe
from yelian.recipe.schema import Recipe


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the plan, with the artifact that it makes or already made."""

    stage: Stage
    artifact: str
    inputs: Mapping[str, str]
    """Artifact ids by stage name."""
    outside: Mapping[str, str]
    """SHA-256 of outside files by name."""
    state: Literal["cached", "partial", "new"]
    why: str
    last_seconds: float | None
    """Wall time of the newest artifact of the same stage."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps in order; `loaded` is the recipe they were made from."""

    loaded: LoadedRecipe
    steps: tuple[Step, ...]

    @property
    def work(self) -> list[Step]:
        """The steps that are not cached."""
        return [step for step in self.steps if step.state != "cached"]


def make_plan(loaded: LoadedRecipe, catalog: Mapping[str, str], store: Store, until: str | None = None) -> Plan:
    """Check everything and name every artifact. Raises the first kind of mistake with all mistakes in its text."""
    stages = list(_wanted(build_stages(loaded.recipe, catalog), until))
    _check(stages, loaded)
    fingerprints = Fingerprints(store.root / "fingerprints.json")
    newest = {artifact.manifest["stage"]: artifact.manifest for artifact in store.all()}
    steps: dict[str, Step] = {}
    for stage in stages:
        steps[stage.NAME] = _step(stage, steps, fingerprints, store, newest.get(stage.NAME))
    if store.root.exists():
        fingerprints.save()
    return Plan(loaded, tuple(steps.values()))


def build_stages(recipe: Recipe, catalog: Mapping[str, str]) -> Iterator[Stage]:
    """The stages this recipe uses, in the catalog's order; each module is imported here and not before."""
    for target in catalog.values():
        module, _, name = target.partition(":")
        stage = cast(type[Stage], getattr(importlib.import_module(module), name)).from_recipe(recipe)
        if stage is not None:
            yield stage


def _wanted(stages: Iterator[Stage], until: str | None) -> list[Stage]:
    """The stages up to the last one that `until` names: a stage (`corpus.read`) or a whole room (`corpus`)."""
    every = list(stages)
    if until is None:
        return every
    last = [index for index, stage in enumerate(every) if until in (stage.NAME, stage.NAME.partition(".")[0])]
    if not last:
        names = [name for stage in every for name in (stage.NAME, stage.NAME.partition(".")[0])]
        raise RecipeError(f"--until {until}: no such stage", fix=did_you_mean(until, dict.fromkeys(names)))
    return every[: last[-1] + 1]


def _check(stages: list[Stage], loaded: LoadedRecipe) -> None:
    """Run the check of every stage; one error stays itself, several become one with all texts."""
    found: list[YelianError] = []
    for stage in stages:
        try:
            stage.check()
        except RecipeError as error:
            found.append(RecipeError(f"{loaded.where(error.key)}: {error.message}", fix=error.fix, key=error.key))
        except YelianError as error:
            found.append(error)
    if len(found) == 1:
        raise found[0]
    if found:
        text = f"{len(found)} mistakes:\n" + "\n".join(error.message for error in found)
        raise type(found[0])(text, fix="; ".join(dict.fromkeys(error.fix for error in found)))


def _step(
    stage: Stage,
    before: Mapping[str, Step],
    fingerprints: Fingerprints,
    store: Store,
    newest: Mapping[str, Any] | None,
) -> Step:
    """`newest` is the manifest of the stage's newest artifact, whatever it was made from."""
    inputs = {name: before[name].artifact for name in stage.reads()}
    outside = fingerprints.of(stage.outside())
    key = _key(stage, inputs, outside)
    artifact = artifact_id(stage.NAME, key)
    last = newest["cost"]["wall_seconds"] if newest else None
    if store.has(artifact):
        return Step(stage, artifact, inputs, outside, "cached", "nothing changed", last)
    why = _why(key, newest)
    parts = store.started(artifact)
    if parts:
        return Step(stage, artifact, inputs, outside, "partial", f"goes on after {parts} finished parts", last)
    return Step(stage, artifact, inputs, outside, "new", why, last)


def _key(stage: Stage, inputs: Mapping[str, str], outside: Mapping[str, str]) -> dict[str, Json]:
    """What an artifact is named by, besides its stage."""
    return {"version": stage.VERSION, "params": stage.params(), "inputs": dict(inputs), "outside": dict(outside)}


def _why(key: Mapping[str, Json], manifest: Mapping[str, Any] | None) -> str:
    """What differs from the newest artifact of the same stage, in one line."""
    if manifest is None:
        return "never made before"
    if key["version"] != manifest["version"]:
        return f"stage version {manifest['version']} → {key['version']}"
    changes = [
        *_changes(flat(manifest["params"]), flat(key["params"])),
        *_changes({f"file {k}": v[:8] for k, v in manifest["outside"].items()}, _short(key["outside"])),
    ]
    if changes:
        return "; ".join(changes[:3]) + (f"; and {len(changes) - 3} more" if len(changes) > 3 else "")
    moved = [
        name for name, value in cast(dict[str, str], key["inputs"]).items() if manifest["inputs"].get(name) != value
    ]
    return "input changed: " + ", ".join(moved)


def _short(outside: Json) -> dict[str, str]:
    return {f"file {name}": value[:8] for name, value in cast(dict[str, str], outside).items()}


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    changed = [f"{key} {old[key]} → {new[key]}" for key in old.keys() & new.keys() if old[key] != new[key]]
    added = [f"{key} is new" for key in new.keys() - old.keys()]
    gone = [f"{key} is gone" for key in old.keys() - new.keys()]
    return sorted(changed) + sorted(added) + sorted(gone)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """A nested JSON value as `a.b.0` → leaf."""
    if isinstance(value, Mapping):
        items: Any = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return {path: value}
    return {
        key: leaf for name, item in items for key, leaf in flat(item, f"{path}.{name}" if path else str(name)).items()
    }
