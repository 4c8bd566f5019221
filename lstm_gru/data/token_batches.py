"""Batches of token ids in few shapes: pairs of similar length together, padded to their bucket's width.

A pair's width is the length of its longer side, the target counted with its end of sentence. Boundaries are the
widths of the buckets: a pair belongs to the narrowest bucket that holds it. All arrays are int32, and rows that
only fill a batch have length 0 on both sides.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lstm_gru.data.buckets import Batch, Bucket, BucketBatches, padded
from lstm_gru.data.subwords import BOS, EOS
from lstm_gru.errors import InputError

Ids = Sequence[Sequence[int]]


def choose_boundaries(src_ids: Ids, trg_ids: Ids, *, shapes: int, max_length: int) -> tuple[int, ...]:
    """Return the boundaries, at most ``shapes``, that leave the least padding.

    Equation: ``c_k(w) = min_v c_{k-1}(v) + w · n(v, w)``, the padded width of all pairs up to w in k buckets, where
    n(v, w) is the number of pairs wider than v and at most w; solved by dynamic programming.

    Args:
      src_ids: source sentences without marks.
      trg_ids: target sentences without marks, as many.
      shapes: the largest number of buckets.
      max_length: the largest width; wider pairs are not considered.

    Raises:
      InputError: when no pair is that narrow.

    Example:
      >>> choose_boundaries([[5], [5] * 2, [5] * 9], [[5]] * 3, shapes=2, max_length=10)
      (2, 9)
    """
    widths = _widths(src_ids, trg_ids)
    up_to = np.bincount(widths[widths <= max_length]).cumsum()
    if not len(up_to):
        raise InputError(f"max_length = {max_length}: no pair of {len(widths)} is that short; expected more")
    v, w = np.indices((len(up_to), len(up_to)))
    bucket = np.where(v <= w, w * (up_to[w] - up_to[v]), np.inf)  # v = w is a bucket that is not used.
    cost, choices = bucket[0], []
    for _ in range(shapes - 1):
        total = cost[:, None] + bucket
        choices.append(total.argmin(axis=0))
        cost = total.min(axis=0)
    boundaries = [len(up_to) - 1]
    for choice in reversed(choices):
        boundaries.append(int(choice[boundaries[-1]]))
    return tuple(sorted({*boundaries} - {0}))


class TokenBatches(BucketBatches):
    """Training batches, a pure function of (seed, step).

    A batch has ``src [B, T]`` and ``src_lengths [B]``; ``trg_in [B, T]``, the target after ``BOS``; ``trg_out [B, T]``,
    the target before ``EOS``; ``trg_lengths [B]``, of either. Rows that only fill it have length 0.

    Args:
      src_ids: source sentences without marks.
      trg_ids: target sentences without marks, as many.
      boundaries: widths of the buckets, ascending; pairs wider than the last are left out.
      tokens_per_batch: the largest number of target tokens in a batch, padding included.
      seed: decides the order.

    Attributes:
      left_out: number of pairs wider than the last boundary.
      steps_per_epoch: number of batches in which every pair comes once.
      shapes: ``(B, T)`` of each bucket that has pairs.

    Raises:
      InputError: when the sides differ in number, the boundaries do not ascend from 1 or more, no pair fits them, or
        not one row fits a batch.

    Example:
      >>> batches = TokenBatches([[7, 8], [9]], [[5], [6]], boundaries=(2, 4), tokens_per_batch=4, seed=0)
      >>> batches.batch(0)["trg_out"].shape
      (2, 2)
    """

    def __init__(self, src_ids: Ids, trg_ids: Ids, *, boundaries: Sequence[int], tokens_per_batch: int, seed: int):
        if len(src_ids) != len(trg_ids):
            raise InputError(f"{len(src_ids)} source and {len(trg_ids)} target sentences; expected as many")
        _check_ascending(boundaries)
        if tokens_per_batch < boundaries[-1]:
            raise InputError(f"tokens_per_batch = {tokens_per_batch}; expected at least the last of {boundaries = }")
        bucket_of = np.searchsorted(boundaries, _widths(src_ids, trg_ids))
        members = [np.flatnonzero(bucket_of == k) for k in range(len(boundaries) + 1)]
        self.left_out = len(members.pop())
        if self.left_out == len(src_ids):
            raise InputError(f"none of {len(src_ids)} pairs is at most {boundaries[-1]} tokens long; nothing to learn")
        buckets = [
            _bucket([src_ids[i] for i in pairs], [trg_ids[i] for i in pairs], width, tokens_per_batch // width)
            for pairs, width in zip(members, boundaries, strict=True)
            if len(pairs)
        ]
        self.shapes = tuple((bucket.rows, bucket.arrays["src"].shape[1]) for bucket in buckets)
        super().__init__(buckets, seed)

    @property
    def padding(self) -> float:
        """Share of the positions of an epoch's batches, both sides, that hold no token."""
        names = ("src_lengths", "trg_lengths")
        tokens = sum(bucket.arrays[name].sum() for bucket in self.buckets for name in names)
        positions = sum(2 * rows.size * self.shapes[k][1] for k, rows in self.order(0))
        return float(1 - tokens / positions)


class SourceBatch(NamedTuple):
    """Source sentences to decode.

    Attributes:
      lines: ``[n]`` with n ≤ B, the index in the input of each of the first n rows.
      src: ``[B, S]``.
      src_lengths: ``[B]``; 0 in rows that only fill the batch.
    """

    lines: np.ndarray
    src: np.ndarray
    src_lengths: np.ndarray


def ordered_batches(src_ids: Ids, *, rows: int, boundaries: Sequence[int]) -> Iterator[SourceBatch]:
    """Yield all sentences from the shortest to the longest, each once, with the line each belongs to.

    Widths beyond the last boundary double from it, and their batches have as many fewer rows: no batch has more
    positions than one of the last boundary, except where a single row has.

    Args:
      src_ids: source sentences; a sentence may be empty.
      rows: B, for widths up to the last boundary.
      boundaries: widths of the batches, ascending.

    Raises:
      InputError: when the boundaries do not ascend from 1 or more.

    Example:
      >>> [batch.lines.tolist() for batch in ordered_batches([[4] * 3, [], [5]], rows=2, boundaries=(1, 2))]
      [[1, 2], [0]]
    """
    _check_ascending(boundaries)
    lengths = np.array([len(ids) for ids in src_ids], int)
    widths = list(boundaries)
    while widths[-1] < lengths.max(initial=0):
        widths.append(2 * widths[-1])
    order = np.argsort(lengths, kind="stable")
    bucket_of = np.searchsorted(widths, lengths[order])
    for k, width in enumerate(widths):
        size = max(1, rows * boundaries[-1] // max(width, boundaries[-1]))
        lines = order[bucket_of == k]
        for start in range(0, len(lines), size):
            chunk = lines[start : start + size]
            yield SourceBatch(chunk, *padded([src_ids[i] for i in chunk], size, width))


def pair_batches(
    src_ids: Ids, trg_ids: Ids, *, rows: int, boundaries: Sequence[int]
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Yield all pairs from the shortest to the longest, each once, with the line each belongs to.

    Args:
      src_ids: source sentences without marks.
      trg_ids: target sentences without marks, as many.
      rows: B, for widths up to the last boundary; see `ordered_batches`.
      boundaries: widths of the batches, ascending.

    Yields:
      The lines, and a batch as those of `TokenBatches`, in which further rows have length 0.

    Raises:
      InputError: when the boundaries do not ascend from 1 or more.

    Example:
      >>> [(lines.tolist(), batch["trg_out"].shape) for lines, batch in pair_batches(
      ...     [[4, 5], [6]], [[7], [8]], rows=1, boundaries=(2,))]
      [([0], (1, 2)), ([1], (1, 2))]
    """
    for lines, filler, _ in ordered_batches(
        [range(width) for width in _widths(src_ids, trg_ids)], rows=rows, boundaries=boundaries
    ):
        yield lines, _pairs([src_ids[i] for i in lines], [trg_ids[i] for i in lines], *filler.shape)


def _widths(src_ids: Ids, trg_ids: Ids) -> np.ndarray:
    return np.array([max(len(src), len(trg) + 1) for src, trg in zip(src_ids, trg_ids, strict=True)], int)


def _check_ascending(boundaries: Sequence[int]) -> None:
    if list(boundaries) != sorted({*boundaries}) or not boundaries or boundaries[0] < 1:
        raise InputError(f"{boundaries = }; expected ascending widths of at least 1")


def _bucket(src_ids: list[Sequence[int]], trg_ids: list[Sequence[int]], width: int, rows: int) -> Bucket:
    return Bucket(rows, len(src_ids), _pairs(src_ids, trg_ids, len(src_ids) + 1, width))


def _pairs(src_ids: list[Sequence[int]], trg_ids: list[Sequence[int]], rows: int, width: int) -> Batch:
    src, src_lengths = padded(src_ids, rows, width)
    trg_in, trg_lengths = padded([[BOS, *ids] for ids in trg_ids], rows, width)
    trg_out, _ = padded([[*ids, EOS] for ids in trg_ids], rows, width)
    return {"src": src, "src_lengths": src_lengths, "trg_in": trg_in, "trg_out": trg_out, "trg_lengths": trg_lengths}
