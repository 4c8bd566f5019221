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


class Judged(NamedTuple):
    """What a model makes of the strings with n = 1, 2 and so on.

    Attributes:
      counted: bool ``[N]``, whether all is right from the first b on, where a counter knows what follows.
      accepted: bool ``[N]``, whether the string is accepted by the published rule.
    """

    counted: np.ndarray
    accepted: np.ndarray


def judged(log_probs: np.ndarray, counts: np.ndarray, letters: int, threshold: float) -> Judged:
    """Return how a model's predictions along the strings of `counted` are judged.

    Counted: from the first b to the end, what must follow has a probability above the threshold, and nothing else has.
    Source: Gers & Schmidhuber 2001, "LSTM recurrent networks learn simple context-free and context-sensitive
    languages", section III, which judges the symbols that are determined; before the first b another a can follow.

    Accepted: each of the string's letters and its end have a probability above the threshold, those of the a's
    included. Source: the code of Weiss, Goldberg & Yahav 2018 (arXiv:1805.04908), ``tech-srl/counting_dimensions``. A
    model that finds everything possible accepts every string; and one that knows the training strings' frequencies,
    where one b in a hundred follows the first a, accepts by a hair.

    Args:
      log_probs: ``[N, T, K + 1]`` of what follows.
      counts: n of each string, ``[N]``.
      letters: K.
      threshold: a probability.
    """
    strings = counted(letters, counts, (log_probs.shape[1] - 1) // letters)
    places, least = np.arange(log_probs.shape[1])[None, :], np.log(threshold)
    there = places < strings.lengths[:, None]
    determined = there & (places > np.asarray(counts)[:, None])
    possible = log_probs > least
    follows = np.take_along_axis(possible, strings.target[..., None], axis=-1)[..., 0]
    alone = follows & (possible.sum(axis=-1) == 1)
    return Judged((alone | ~determined).all(axis=1), (follows | ~there).all(axis=1))


def furthest(right: np.ndarray) -> int:
    """Return the number, from 1, of the last value that is True; 0 without one.

    Example:
      >>> furthest(np.array([True, True, False, True, False]))
      4
    """
    return int(np.max(np.flatnonzero(right), initial=-1)) + 1
