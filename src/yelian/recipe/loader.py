"""From a YAML file to a `Recipe`, with file, line and the nearest known word in each error.

Values are looked up in this order: `--set key=value`, the recipe, the domain's `recipe.yaml`, the schema's default.
All mistakes of a file are reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError

from yelian.core.errors import RecipeError
from yelian.core.nearest import did_you_mean
from yelian.recipe.schema import Recipe

Key = tuple[str | int, ...]
Place = tuple[str, int]  # file, line

DOMAINS = "yelian.domains"
SET = "--set"
DEPTH = 20  # a recipe is 4 deep; an alias that holds itself is endless


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars: `no` is a word and `1e-3` a number, unlike in PyYAML's YAML 1.1."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9][0-9_]*$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


class LoadedRecipe:
    """A recipe with the places of its settings, for errors that are found later."""

    def __init__(self, recipe: Recipe, path: Path, places: Mapping[Key, Place]) -> None:
        self.recipe = recipe
        self.path = path
        self._places = places

    def where(self, key: Key) -> str:
        """`file:line` of a setting, or of its nearest parent that stands in a file."""
        return _where(key, self._places, self.path)


def load(path: Path, settings: Iterable[str] = ()) -> LoadedRecipe:
    """Read, merge and validate. RecipeError lists every mistake with its place."""
    if not path.is_file():
        near = (
            did_you_mean(path.name, sorted(p.name for p in path.parent.glob("*.y*ml"))) if path.parent.is_dir() else ""
        )
        raise RecipeError(f"no recipe at {path}", fix=near or f"the folder {path.parent} does not exist")
    text = read_text(path)
    own, places = _parse(text, str(path))
    domain = own.get("domain", Recipe.model_fields["domain"].default)
    merged, places = _with_domain(own, places, domain, path)
    for setting in settings:
        _apply(merged, places, setting)
    merged["folder"] = path.parent.resolve()
    return LoadedRecipe(_validate(merged, places, path), path, places)


def read_text(path: Path) -> str:
    """UTF-8 text of a YAML file; RecipeError when it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8 (byte {error.start})", fix="save the file as UTF-8") from error


def _parse(text: str, name: str) -> tuple[dict[str, Any], dict[Key, Place]]:
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecipeError(
            f"{name}:{line}: not valid YAML: {error.problem}", fix="mend the file at that line"
        ) from error
    except yaml.YAMLError as error:
        raise RecipeError(
            f"{name}: not valid YAML: {error}", fix="remove the characters YAML does not allow"
        ) from error
    places: dict[Key, Place] = {}
    if not isinstance(root, yaml.MappingNode):
        raise RecipeError(f"{name}: a recipe is a mapping of settings", fix="start from `yelian init`")
    return cast(dict[str, Any], _build(root, (), places, name)), places


def _build(node: yaml.Node, key: Key, places: dict[Key, Place], name: str) -> Any:
    """Plain values of a node; the place of every key is written into `places`."""
    line = node.start_mark.line + 1
    if len(key) > DEPTH:
        raise RecipeError(f"{name}:{line}: nested deeper than {DEPTH} levels", fix="mend the file at that line")
    places.setdefault(key, (name, line))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            word = key_node.value
            if not isinstance(word, str):
                raise RecipeError(f"{name}:{key_node.start_mark.line + 1}: a key must be a word", fix="mend that line")
            if word in mapping:
                raise RecipeError(
                    f"{name}:{key_node.start_mark.line + 1}: {word!r} is given twice", fix="remove one of the two"
                )
            places[(*key, word)] = (name, key_node.start_mark.line + 1)
            mapping[word] = _build(value_node, (*key, word), places, name)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return tuple(_build(item, (*key, index), places, name) for index, item in enumerate(node.value))
    try:
        return _Loader("").construct_object(node)
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}:{line}: {node.value!r}: tags are not allowed", fix="remove the tag") from error


def domain_names() -> list[str]:
    """Names of the installed domains."""
    return sorted(d.name for d in resources.files(DOMAINS).iterdir() if d.joinpath("recipe.yaml").is_file())


def _with_domain(
    own: dict[str, Any], places: dict[Key, Place], domain: Any, path: Path
) -> tuple[dict[str, Any], dict[Key, Place]]:
    """The recipe laid over its domain's defaults."""
    if domain not in domain_names():
        raise RecipeError(
            f"{_where(('domain',), places, path)}: unknown domain {domain!r}",
            fix=did_you_mean(str(domain), domain_names()),
        )
    text = resources.files(DOMAINS).joinpath(domain, "recipe.yaml").read_text(encoding="utf-8")
    defaults, default_places = _parse(text, f"domains/{domain}/recipe.yaml")
    return _merge(defaults, own), default_places | places


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Mappings merge key by key; anything else above replaces what is below."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _apply(values: dict[str, Any], places: dict[Key, Place], setting: str) -> None:
    """Write one `a.b.c=value` into the values; the value is YAML, so `null`, `3` and `[a, b]` work."""
    dotted, equals, text = setting.partition("=")
    if not equals or not dotted:
        raise RecipeError(f"{SET} {setting!r} is not of the form key=value", fix=f"for example {SET} model.sft.seed=2")
    words: list[str | int] = [int(word) if word.isdigit() else word for word in dotted.split(".")]
    value, _ = _scalar(text, setting)
    target: Any = values
    for depth, word in enumerate(words[:-1]):
        if isinstance(target, dict) and isinstance(word, str):
            child = target.get(word)
            target[word] = list(child) if isinstance(child, tuple) else {} if child is None else child
            target = target[word]
        elif isinstance(target, list) and isinstance(word, int) and word < len(target):
            target = target[word]
        else:
            raise _no_such_setting(setting, words[:depth])
    last = words[-1]
    is_key = isinstance(target, dict) and isinstance(last, str)
    is_index = isinstance(target, list) and isinstance(last, int) and last < len(target)
    if not (is_key or is_index):
        raise _no_such_setting(setting, words[:-1])
    target[last] = value
    places[tuple(words)] = (f"{SET} {setting}", 0)


def _no_such_setting(setting: str, words: list[str | int]) -> RecipeError:
    return RecipeError(
        f"{SET} {setting}: {'.'.join(map(str, words))} is not a setting that has parts", fix="name an existing setting"
    )


def _scalar(text: str, setting: str) -> tuple[Any, dict[Key, Place]]:
    places: dict[Key, Place] = {}
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{SET} {setting}: the value is not valid YAML", fix="quote the value") from error
    return (None if node is None else _build(node, (), places, SET)), places


def _validate(values: dict[str, Any], places: Mapping[Key, Place], path: Path) -> Recipe:
    try:
        return Recipe.model_validate(_tuples(values))
    except ValidationError as error:
        items: list[dict[str, Any]] = [dict(item) for item in error.errors()]
        # A list whose only item is wrong is called too short as well: the inner mistake says it all.
        inner = {item["loc"][:length] for item in items for length in range(len(item["loc"]))}
        found = [_describe(item, places, path) for item in items if item["loc"] not in inner]
        many = f"{len(found)} mistakes:\n" if len(found) > 1 else ""
        raise RecipeError(
            many + "\n".join(text for text, _ in found), fix="; ".join(dict.fromkeys(fix for _, fix in found))
        ) from error


def _tuples(value: Any) -> Any:
    """Lists (from `--set`) as tuples, which strict sections want; whole numbers stay what they are."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_tuples(item) for item in value)
    return value


def _describe(item: dict[str, Any], places: Mapping[Key, Place], path: Path) -> tuple[str, str]:
    """One pydantic error as (message, fix)."""
    key: Key = item["loc"]
    dotted = ".".join(map(str, key))
    where = _where(key, places, path)
    if item["type"] == "extra_forbidden":
        section = _section_at(key[:-1])
        fix = did_you_mean(str(key[-1]), section.model_fields if section else ())
        return f"{where}: unknown key {dotted!r}", fix
    if item["type"] == "missing":
        field = _section_at(key[:-1])
        help_text = field.model_fields[str(key[-1])].description if field else None
        return f"{where}: {dotted!r} is missing" + (f" ({help_text})" if help_text else ""), f"add {dotted}"
    return f"{where}: {dotted} = {item['input']!r}: {item['msg']}", f"change {dotted}"


def _section_at(key: Key) -> type[BaseModel] | None:
    """The schema's class at a key, to know the words that may stand there."""
    section: Any = Recipe
    for word in key:
        if isinstance(word, int):
            continue
        field = section.model_fields.get(word) if isinstance(section, type) and issubclass(section, BaseModel) else None
        if field is None:
            return None
        section = _model_in(field.annotation)
    return section if isinstance(section, type) and issubclass(section, BaseModel) else None


def _model_in(annotation: Any) -> Any:
    """The section inside `tuple[Section, ...]` or `Section | None`, or the annotation itself."""
    for inner in getattr(annotation, "__args__", ()):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return annotation


def _where(key: Key, places: Mapping[Key, Place], path: Path) -> str:
    for length in range(len(key), -1, -1):
        if key[:length] in places:
            name, line = places[key[:length]]
            return f"{name}:{line}" if line else name
    return str(path)
