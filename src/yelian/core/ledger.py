"""The ledger: read = kept + dropped(reason) + rejected(reason), or the run stops.

*Dropped* is a decision about a sound record (a duplicate, a text too short for its task). *Rejected* is a record
that could not be read at all (bad bytes, a broken row). Both leave a row behind that says which, where and why.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pyarrow as pa

from yelian.core.errors import StageError

Outcome = Literal["dropped", "rejected"]

REMOVAL = pa.schema(
    [
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("locator", pa.string(), nullable=False),
        pa.field("record_id", pa.string()),
        pa.field("detail", pa.string(), nullable=False),
    ]
)


@dataclasses.dataclass(frozen=True, slots=True)
class Removal:
    """One record that did not come out: what became of it, why (`snake_case`), where it stood.

    `record_id` is None when the record never had an id. `detail` is one sentence for a person.
    """

    outcome: Outcome
    reason: str
    source: str
    locator: str = ""
    record_id: str | None = None
    detail: str = ""


def removal_table(removals: Iterable[Removal]) -> pa.Table:
    """Removals as an Arrow table of the `REMOVAL` schema."""
    return pa.Table.from_pylist([dataclasses.asdict(removal) for removal in removals], schema=REMOVAL)


@dataclasses.dataclass(slots=True)
class Ledger:
    """Counts of one stage, in one unit (documents, candidates, conversations, items)."""

    unit: str
    read: int = 0
    kept: int = 0
    dropped: Counter[str] = dataclasses.field(default_factory=Counter)
    rejected: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def balances(self) -> bool:
        """Whether every record that was read is accounted for."""
        return self.read == self.kept + self.dropped.total() + self.rejected.total()

    def check(self, where: str) -> None:
        """Raise StageError when the ledger does not balance; `where` names the stage and part."""
        if not self.balances:
            raise StageError(
                f"{where}: the ledger does not balance: read {self.read} {self.unit}, kept {self.kept}, "
                f"dropped {dict(self.dropped)}, rejected {dict(self.rejected)}",
                fix="this is a fault in Yelian: please report it with this line; nothing was published",
            )

    def add(self, other: Ledger) -> None:
        """Take the counts of another ledger of the same unit into this one."""
        self.read += other.read
        self.kept += other.kept
        self.dropped.update(other.dropped)
        self.rejected.update(other.rejected)

    def as_json(self) -> dict[str, Any]:
        """The counts as plain JSON, reasons sorted."""
        return {
            "unit": self.unit,
            "read": self.read,
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())),
            "rejected": dict(sorted(self.rejected.items())),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Ledger:
        """The inverse of `as_json`."""
        return cls(
            unit=value["unit"],
            read=value["read"],
            kept=value["kept"],
            dropped=Counter(value["dropped"]),
            rejected=Counter(value["rejected"]),
        )
