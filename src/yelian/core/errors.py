"""Four errors, named by who must act; each ends the command with its own exit code.

A message says what was given and why it cannot work; `fix` says what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class YelianError(Exception):
    """Base of the four. Never raised itself."""

    exit_code: ClassVar[int]

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}"


class RecipeError(YelianError):
    """The author of the recipe must act. `key` is the path of the setting, where there is one."""

    exit_code = 3

    def __init__(self, message: str, *, fix: str, key: tuple[str | int, ...] = ()) -> None:
        super().__init__(message, fix=fix)
        self.key = key


class InputError(YelianError):
    """The owner of an input (document, model folder, id) must mend or drop it."""

    exit_code = 4


class TransientError(YelianError):
    """The surroundings failed (disk full, endpoint busy); the same command goes on once they are mended."""

    exit_code = 5


class StageError(YelianError):
    """We must act: a promise of our own code was broken."""

    exit_code = 1
