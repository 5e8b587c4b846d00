"""Which conversations are learnt in which optimizer step: a list made before training begins.

The plan depends on lengths and settings alone. So the number of steps is known to the schedule, and a resumed run
goes on with exactly the step at which the killed one stood.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from yelian.recipe.schema import Sft


def plan_steps(lengths: Sequence[int], sft: Sft) -> list[list[int]]:
    """Indexes of conversations per optimizer step, each step of at most `batch_tokens` tokens (or of one conversation).

    It ends after the step that reaches `tokens` tokens in all, or after `epochs` passes, whichever comes first.
    """
    steps: list[list[int]] = []
    step, held, spent = list[int](), 0, 0
    for index in _order(len(lengths), sft):
        if step and held + lengths[index] > sft.batch_tokens:
            steps.append(step)
            spent += held
            step, held = [], 0
            if spent >= sft.tokens:
                return steps
        step.append(index)
        held += lengths[index]
    return [*steps, step] if step else steps


def micro_batches(step: Sequence[int], lengths: Sequence[int], size: int) -> list[list[int]]:
    """A step in forward passes of at most `size` conversations of like length, so that little is padding."""
    ordered = sorted(step, key=lambda index: (-lengths[index], index))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def _order(count: int, sft: Sft) -> Iterator[int]:
    """Every pass in an order of its own; the last one may be a part of a pass."""
    drawn, left = random.Random(sft.seed), round(sft.epochs * count)
    while left > 0:
        once = drawn.sample(range(count), count)[:left]
        yield from once
        left -= len(once)
