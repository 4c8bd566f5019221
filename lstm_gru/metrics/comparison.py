"""Whether one model is better than another over the same groups: cutoffs, or sentences."""

from collections.abc import Callable, Iterator

import numpy as np

from lstm_gru.metrics.checks import require_axes, require_same_shape

COUNTS_AT_ONCE = 1_000_000  # Of resampled groups: some tens of megabytes.


def root_mean_square(sums: np.ndarray) -> np.ndarray:
    """Return the square root of a mean from sums: ``√ (s_0 / s_1)``; NaN of no points.

    Args:
      sums: ``[..., 2]``, the sum of squares and the number of points.

    Returns:
      ``[...]``.

    Example:
      >>> float(root_mean_square(np.array([12.0, 3.0])))
      2.0
    """
    total, count = np.moveaxis(np.asarray(sums, float), -1, 0)
    return np.sqrt(total / np.where(count == 0, np.nan, count))


def ratio(sums: np.ndarray) -> np.ndarray:
    """Return ``s_0 / s_1`` of sums ``[..., 2]``, as of nats and steps; NaN where the second is 0.

    Example:
      >>> float(ratio(np.array([9.0, 2.0])))
      4.5
    """
    some, total = np.moveaxis(np.asarray(sums, float), -1, 0)
    return some / np.where(total == 0, np.nan, total)


def percentage(sums: np.ndarray) -> np.ndarray:
    """Return how many of all in percent, from sums: ``100 s_0 / s_1``; NaN of none.

    Args:
      sums: ``[..., 2]``, those that count and all.

    Returns:
      ``[...]``.

    Example:
      >>> float(percentage(np.array([3.0, 4.0])))
      75.0
    """
    return 100 * ratio(sums)


def paired_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    draws: int = 10_000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the difference of two models' scores over the same groups, and its 95 % interval over resampled groups.

    Groups (cutoffs, sentences) are drawn with replacement, both models' statistics of a group together; the interval
    is the percentile interval. Source: Efron & Tibshirani 1993, chapter 13; for BLEU, Koehn 2004.

    Args:
      first: ``[C, K]``, statistics of one model in each group that can be added up over groups.
      second: ``[C, K]``, of the other.
      statistic: ``[..., K]`` sums of them to ``[...]`` the score.
      draws: resamples.
      seed: of the resampling.

    Returns:
      ``(first - second, lower, upper)``.

    Raises:
      ValueError: naming the argument whose shape is wrong.
    """
    require_axes("first", first, "C", "K")
    require_same_shape("second", second, "first", first)
    drawn = _resampled(len(first), draws, seed)
    differences = [statistic(counts @ first) - statistic(counts @ second) for counts in drawn]
    lower, upper = np.quantile(np.concatenate(differences), [0.025, 0.975])
    return float(statistic(first.sum(0)) - statistic(second.sum(0))), float(lower), float(upper)


def standard_error(
    groups: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], *, draws: int = 10_000, seed: int = 0
) -> float:
    """Return the standard error of a score over the groups it was measured on, by resampling them.

    Source: Efron & Tibshirani 1993, chapter 6.

    Args:
      groups: ``[C, K]``, statistics in each group that can be added up over groups.
      statistic: ``[..., K]`` sums of them to ``[...]`` the score.
      draws: resamples.
      seed: of the resampling.

    Raises:
      ValueError: naming the argument whose shape is wrong.
    """
    require_axes("groups", groups, "C", "K")
    return float(
        np.std(np.concatenate([statistic(counts @ groups) for counts in _resampled(len(groups), draws, seed)]), ddof=1)
    )


def _resampled(groups: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each group is in each of so many resamples, some ``[draws, C]`` at once."""
    random, rows = np.random.default_rng(seed), max(1, COUNTS_AT_ONCE // groups)
    for begin in range(0, draws, rows):
        yield _times_drawn(random.integers(0, groups, (min(rows, draws - begin), groups)))


def _times_drawn(chosen: np.ndarray) -> np.ndarray:
    """How often each of C groups is in each row of ``[draws, C]`` indices, as float for products: ``[draws, C]``."""
    draws, groups = chosen.shape
    flat = (chosen + groups * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=chosen.size).reshape(draws, groups).astype(float)
