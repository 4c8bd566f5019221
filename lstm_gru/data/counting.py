"""Strings that only a counter can tell from others: aⁿbⁿ and aⁿbⁿcⁿ."""

from typing import NamedTuple

import numpy as np

LETTERS = "abc"
BEGIN = 0  # Read before the first letter, whose numbers are 1, 2 and so on; the end is said as 0.
END = 0


class Strings(NamedTuple):
    """Strings as what is read and what follows it.

    Attributes:
      xs: float32 ``[N, T, K + 1]``, the beginning and then the string, one of K letters at each step; 0 in the padding.
      target: int32 ``[N, T]``, the next letter, at last the end.
      lengths: int32 ``[N]``, K·n + 1.
    """

    xs: np.ndarray
    target: np.ndarray
    lengths: np.ndarray


def counted(letters: int, counts: np.ndarray, longest: int) -> Strings:
    """Return the strings a…ab…b (c…c) in which every letter comes n times.

    Args:
      letters: K, 2 or 3.
      counts: the n of each string, ``[N]``, at least 1.
      longest: the n for which there is room, T = K · longest + 1.

    Example:
      >>> strings = counted(2, np.array([2]), longest=2)
      >>> strings.xs[0].argmax(axis=1).tolist(), strings.target[0].tolist()
      ([0, 1, 1, 2, 2], [1, 1, 2, 2, 0])
    """
    counts = np.asarray(counts)
    places = np.arange(letters * longest + 1)[None, :]
    lengths = letters * counts + 1
    follows = np.where(places < letters * counts[:, None], 1 + places // counts[:, None], END)
    read = np.concatenate([np.full((len(counts), 1), BEGIN), follows[:, :-1]], axis=1)
    there = places < lengths[:, None]
    xs = np.eye(letters + 1, dtype=np.float32)[read] * there[..., None]
    return Strings(xs, np.where(there, follows, 0).astype(np.int32), lengths.astype(np.int32))


def accepted(log_probs: np.ndarray, counts: np.ndarray, letters: int, threshold: float) -> tuple[np.ndarray, ...]:
    """Return of each string whether a model accepts it, and whether it also refuses those that are nearly it.

    A string is accepted when each of its letters and its end has a probability above the threshold. Source: Weiss,
    Goldberg & Yahav 2018 (arXiv:1805.04908), section 5; strings that are nearly one of the language are ours.

    Args:
      log_probs: ``[N, T, K + 1]`` of what follows, for the strings of `counted`.
      counts: n of each string, ``[N]``.
      letters: K.
      threshold: a probability.

    Returns:
      Two bool ``[N]``.
    """
    right, apart = np.zeros(len(counts), bool), np.zeros(len(counts), bool)
    target, least = counted(letters, counts, (log_probs.shape[1] - 1) // letters).target, np.log(threshold)
    for row, n in enumerate(counts):
        follows = log_probs[row, np.arange(letters * n + 1), target[row, : letters * n + 1]]
        right[row] = (follows > least).all()
        wrong = []
        for letter in range(2, letters + 1):
            done = letter * n  # Steps after which all of this letter have been read.
            wrong += [log_probs[row, done, letter], log_probs[row, done - 1, letter + 1 if letter < letters else END]]
        apart[row] = right[row] and (np.array(wrong) <= least).all()
    return right, apart


def first_wrong(right: np.ndarray) -> int:
    """Return how many of the first values are all True.

    Example:
      >>> first_wrong(np.array([True, True, False, True]))
      2
    """
    return int(np.argmin(right)) if not right.all() else len(right)
