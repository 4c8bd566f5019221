"""Made sequences that need a long memory: adding two marked numbers, and copying symbols after a delay."""

from typing import NamedTuple

import numpy as np

SYMBOLS, COPIED = 8, 10  # Of the copy problem: different symbols, and how many are to be kept in mind.
BLANK, RECALL = 0, SYMBOLS + 1  # The symbols themselves are 1 to 8.


class Sequences(NamedTuple):
    """Inputs and what is to be said.

    Attributes:
      xs: float32 ``[N, T, F]``.
      target: of adding float32 ``[N]``, said at the last step; of copying int32 ``[N, T]``, said at every step.
    """

    xs: np.ndarray
    target: np.ndarray


def adding(random: np.random.Generator, count: int, time: int) -> Sequences:
    """Return sequences of numbers of which two are marked, and the sum of these.

    Each step has a number from U(0, 1) and a mark, 1 at two steps, any two, else 0. Always guessing 1 has a squared
    error of 1/6. Source: Hochreiter & Schmidhuber 1997, section 5.4, in the form of Bai, Kolter & Koltun 2018
    (arXiv:1803.01271), section 5 and its code; others mark one step in each half.

    Args:
      random: where all draws come from.
      count: N.
      time: T, at least 2.

    Example:
      >>> xs, target = adding(np.random.default_rng(0), count=3, time=6)
      >>> bool(np.allclose((xs[..., 0] * xs[..., 1]).sum(axis=1), target))
      True
    """
    xs = np.zeros((count, time, 2), np.float32)
    xs[..., 0] = random.random((count, time))
    rows, first = np.arange(count), random.integers(0, time, count)
    second = (first + random.integers(1, time, count)) % time
    xs[rows, first, 1] = xs[rows, second, 1] = 1
    return Sequences(xs, xs[rows, first, 0] + xs[rows, second, 0])


def copy_memory(random: np.random.Generator, count: int, delay: int) -> Sequences:
    """Return sequences of ten symbols, a delay, and the place where they are to be said again.

    The input is 10 symbols out of 8, ``delay - 1`` blanks, and the sign to recall for 11 steps; the target blank, but
    for the last 10 steps. It is ``delay + 20`` steps long; saying blank and then guessing costs
    ``10 ln 8 / (delay + 20)`` nats a step. Source: Arjovsky, Shah & Bengio 2016 (arXiv:1511.06464), section 4.1, in the
    form of the code of Bai, Kolter & Koltun 2018; in others the sign is there for one step.

    Args:
      random: where all draws come from.
      count: N.
      delay: steps between the last symbol and the first to be said again, at least 1.

    Returns:
      ``xs [N, delay + 20, 10]``, one of ten signs at each step, and ``target [N, delay + 20]``, its number.

    Example:
      >>> xs, target = copy_memory(np.random.default_rng(0), count=1, delay=3)
      >>> bool((xs[0, :10].argmax(axis=1) == target[0, -10:]).all()), target[0, :13].tolist()
      (True, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    """
    symbols = random.integers(1, SYMBOLS + 1, (count, COPIED))
    said = np.zeros((count, delay + 2 * COPIED), int)
    said[:, :COPIED] = symbols
    said[:, COPIED + delay - 1 :] = RECALL
    target = np.zeros_like(said, np.int32)
    target[:, -COPIED:] = symbols
    return Sequences(np.eye(SYMBOLS + 2, dtype=np.float32)[said], target)
