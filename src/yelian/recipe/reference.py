"""The reference of all settings, written from the schema so that each is documented once.

`python -m yelian.recipe.reference` prints what docs/recipe.md holds; a test keeps the two alike.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from yelian.recipe.schema import Recipe, Section

HEAD = """\
# The recipe

One YAML file. It is strict: an unknown key, a value of another type or an unknown name is an error with its file,
its line and the nearest known word. What a recipe does not say comes from its domain's `recipe.yaml`, and then from
the defaults below. `--set key=value` on the command line overrides one setting; the value is YAML.

Everything but `run` changes the result and is part of the names of artifacts. `run` changes only how and where the
work is done.

This page is made from the schema (`make docs`).

| setting | kind | default | meaning |
| --- | --- | --- | --- |
"""


def reference() -> str:
    """The page in Markdown."""
    text = resources.files("yelian.domains").joinpath("media", "recipe.yaml").read_text(encoding="utf-8")
    domain = {
        f"{room}.{name}": value for room, values in yaml.safe_load(text).items() for name, value in values.items()
    }
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows(Recipe, "", domain))


def _rows(section: type[Section], path: str, domain: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in section.model_fields.items():
        if field.exclude:
            continue
        key = path + name
        inner = _section(field.annotation)
        many = get_origin(field.annotation) is tuple
        if inner is None or field.description:
            yield f"`{key}`", _kind(field), _default(key, field, domain), field.description or ""
        if inner is not None:
            yield from _rows(inner, f"{key}[]." if many else f"{key}.", domain)


def _section(annotation: Any) -> type[Section] | None:
    """The section inside an annotation, if there is one."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, Section):
            return each
    return None


def _kind(field: FieldInfo) -> str:
    """The type and range of a setting in words."""
    limits = {"gt": "> {}", "ge": "≥ {}", "lt": "< {}", "le": "≤ {}"}
    ranges = [
        words.format(f"{getattr(mark, limit):g}")
        for mark in field.metadata
        for limit, words in limits.items()
        if getattr(mark, limit, None) is not None
    ]
    return ", ".join([_type(field.annotation), *ranges])


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each) for each in inner)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "section"
    words = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", type(None): "`null`"}
    return words.get(annotation) or _type(inner[0])  # Annotated[...] keeps the type first


def _default(key: str, field: FieldInfo, domain: Mapping[str, Any]) -> str:
    """The value used when the recipe is silent; the domain's goes before the schema's."""
    if key in domain:
        return f"the domain's: `{_yaml(domain[key])}`"
    if field.default is PydanticUndefined:
        return "required"
    return "as below" if isinstance(field.default, Section) else f"`{_yaml(field.default)}`"


def _yaml(value: Any) -> str:
    """A value as a recipe would write it."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_yaml, value))}]"
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    print(reference(), end="")
