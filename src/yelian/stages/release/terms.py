"""Whose terms bind a model that was tuned from a base."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).parent / "terms.yaml"


@dataclass(frozen=True, slots=True)
class Terms:
    """A base's licence: title, where it stands, its name on the hub, and the notice that copies must carry.

    `hub_id` is the base's own name on the hub, or the name in the recipe where Yelian knows none.
    """

    title: str
    link: str | None
    hub_licence: str
    hub_id: str
    notice: str | None


def terms_of(facts: Mapping[str, Any], folder: Path) -> Terms | None:
    """The terms of a base; None when nobody stated them and Yelian does not know the model.

    `facts` are the base's `name`, `licence` and `terms`; `folder` is its model folder, whose config tells a renamed
    model.
    """
    name = str(facts["name"])
    model_type = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", "")
    for entry in yaml.safe_load(TABLE.read_text(encoding="utf-8")):
        by_name = any(fnmatchcase(name.lower(), pattern) for pattern in entry["names"])
        if by_name or any(fnmatchcase(model_type, pattern) for pattern in entry["model_types"]):
            hub_id = entry["hub_ids"].get(name, name)
            return Terms(entry["title"], entry["link"], entry["hub_licence"], hub_id, entry["notice"])
    if facts["licence"] == "unknown":
        return None
    return Terms(facts["licence"], facts["terms"], "other", name, None)
