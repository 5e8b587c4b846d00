"""Scores of one item. What a score leaves out is said here, because a figure without that is no figure.

*Bits per character*: how surprised a model is by a real text, in bits, over the number of its characters. It is
comparable between models with different tokenizers, which mean loss per token is not. A character is a Unicode code
point of the text, white space and punctuation included, since the model must predict those too. The token that
ends an answer has no character and does not count: a base model hardly ever ends a turn, and a tuned one that had
learnt to stop and nothing else would look as if it wrote better.

*Bits per ending*: how surprised a model is that a real answer ends where it does, in bits per answer.

*chrF*: character n-gram F-score (n = 1..6, recall weighted twice) against the one real text, 0 to 100 (M. Popović,
"chrF: character n-gram F-score for automatic MT evaluation", WMT 2015); sacrebleu computes it, with word order 0, as
Chinese has no spaces. One real headline is only one of many good ones: differences matter, not levels.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from yelian.text.facts import coverage

OVERLAP = "chrf"
FACTS = "key_fact_coverage"
LENGTH = "length_fit"


def bits(nats: float) -> float:
    """Nats to bits."""
    return nats / math.log(2)


def written_scores(reference: str, answer: str) -> dict[str, float]:
    """Scores of a written answer by name; key-fact coverage is absent where the reference holds no key fact."""
    facts = coverage(reference, answer)
    scores = {OVERLAP: chrf(reference, answer), LENGTH: length_fit(reference, answer)}
    return scores if facts is None else {**scores, FACTS: facts}


def chrf(reference: str, answer: str) -> float:
    """Sentence chrF of the answer, 0 to 100."""
    return float(_metric().sentence_score(answer, [reference]).score)


def length_fit(reference: str, answer: str) -> float:
    """Shorter length over longer, white space not counted: 1 is as long as the real text, 0 is an empty answer."""
    lengths = sorted(len("".join(text.split())) for text in (reference, answer))
    return lengths[0] / lengths[1] if lengths[1] else 1.0


@cache
def _metric() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=0)
