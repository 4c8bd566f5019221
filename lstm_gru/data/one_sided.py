"""Sequences of letters whose tags lie only in the past, only in the future, or on both sides.

Letters are drawn independently and evenly, so that what a model cannot see it can only guess, and the best accuracy of
one that reads in one direction is known exactly.
"""

import numpy as np

from lstm_gru.data.tagged import Tagged
from lstm_gru.errors import InputError

KINDS = ("past", "future", "both")
LETTERS, LENGTH, DISTANCE = "abcd", 12, 2
SIZES = {"train": 2000, "valid": 200, "test": 500}
NONE = "-"  # The tag where there is no letter so far away.


def one_sided(kind: str, split: str) -> Tagged:
    """Return sequences of 12 letters, each tagged with the letter 2 places before it, after it, or with both.

    Args:
      kind: ``past``, ``future`` or ``both``.
      split: ``train`` (2,000 sequences), ``valid`` (200) or ``test`` (500); always the same.

    Raises:
      InputError: on another kind or split.

    Example:
      >>> sequences = one_sided("past", "test")
      >>> sequences.words[0][:4], sequences.tags[0][:4]
      (('d', 'b', 'a', 'b'), ('-', '-', 'd', 'b'))
    """
    if kind not in KINDS or split not in SIZES:
        kinds, splits = ", ".join(KINDS), ", ".join(SIZES)
        raise InputError(f"one_sided: {kind!r}, {split!r}; expected one of {kinds}, and one of {splits}")
    random = np.random.default_rng(list(SIZES).index(split))
    words = [tuple(LETTERS[k] for k in row) for row in random.integers(0, len(LETTERS), (SIZES[split], LENGTH))]
    return Tagged(tuple(words), tuple(_tags(kind, row) for row in words), {"file": f"{kind}, made", "split": split})


def best_accuracy(kind: str, direction: str) -> float:
    """Return the accuracy in percent that no model reading in this direction can exceed in expectation.

    Where the tag needs a letter on the side that is not read yet, one of 4 guesses is right; where there is no such
    letter, the place tells, since all sequences are of one length.

    Example:
      >>> best_accuracy("past", "forward"), best_accuracy("past", "backward")
      (100.0, 37.5)
    """
    unseen = {"forward": ("future", "both"), "backward": ("past", "both"), "bidirectional": ()}[direction]
    return 100 * (DISTANCE + (LENGTH - DISTANCE) / len(LETTERS)) / LENGTH if kind in unseen else 100.0


def _tags(kind: str, letters: tuple[str, ...]) -> tuple[str, ...]:
    nothing = (NONE,) * DISTANCE
    before, after = nothing + letters[:-DISTANCE], letters[DISTANCE:] + nothing
    return {"past": before, "future": after, "both": tuple(map("".join, zip(before, after, strict=True)))}[kind]
