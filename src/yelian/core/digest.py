"""One canonical JSON and one digest for every id and cache key.

Joining fields by hand gives `["a-b"]` and `["a", "b"]` one key; canonical JSON cannot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

ID_HEX = 20  # 80 bits: a collision among a billion records has a chance of about 4e-7


def canonical_json(value: Json) -> str:
    """The one text of a JSON value: sorted keys, no spaces, UTF-8; NaN and infinity are a ValueError."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Json) -> str:
    """SHA-256 of the canonical JSON, as 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def record_id(kind: str, value: Json) -> str:
    """An id such as `doc-1f…`: the same thing from the same place has the same id on any machine."""
    return f"{kind}-{digest(value)[:ID_HEX]}"


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
