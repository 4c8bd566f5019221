"""Batches in few shapes, a pure function of (seed, step): what is of similar size is in one bucket, padded alike."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Batch = dict[str, np.ndarray]


class Bucket(NamedTuple):
    """Examples of similar size.

    Attributes:
      rows: B, of a batch.
      count: N, the number of examples.
      arrays: each ``[N + 1, ...]``; the last row is an empty example.
    """

    rows: int
    count: int
    arrays: Batch


class BucketBatches:
    """Training batches from buckets.

    Each epoch visits every example once, in an order of its own, batches of all buckets mixed. A batch of a bucket has
    always the same shape; what is missing in an epoch's last one is filled with empty examples.

    Args:
      buckets: each with at least one example.
      seed: decides the order.

    Attributes:
      steps_per_epoch: number of batches in which every example comes once.
    """

    def __init__(self, buckets: Sequence[Bucket], seed: int):
        self.seed, self.buckets = seed, tuple(buckets)
        self._plan = (0, self.order(0))
        self.steps_per_epoch = len(self._plan[1])

    def batch(self, step: int) -> Batch:
        """Return the batch of a step."""
        epoch, index = divmod(step, self.steps_per_epoch)
        plan = self._plan  # Read once: another thread may ask for another epoch meanwhile.
        if plan[0] != epoch:
            plan = self._plan = (epoch, self.order(epoch))
        k, rows = plan[1][index]
        return {name: array[rows] for name, array in self.buckets[k].arrays.items()}

    def order(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """Return the bucket and the rows ``[B]`` of each batch of an epoch."""
        random = np.random.default_rng((self.seed, epoch))
        batches = []
        for k, bucket in enumerate(self.buckets):
            empty = np.full(-bucket.count % bucket.rows, bucket.count)
            rows = np.append(random.permutation(bucket.count), empty).reshape(-1, bucket.rows)
            batches.extend((k, batch) for batch in rows)
        return [batches[i] for i in random.permutation(len(batches))]


def padded(sequences: Sequence[Sequence[int]], rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences as int32 ``[rows, width]``, 0 in the padding, and their lengths ``[rows]``.

    Args:
      sequences: at most ``rows``, each at most ``width`` long; further rows are empty.
      rows: of the result.
      width: of the result.

    Example:
      >>> padded([[7, 8], [9]], rows=2, width=3)[0].tolist()
      [[7, 8, 0], [9, 0, 0]]
    """
    array, lengths = np.zeros((rows, width), np.int32), np.zeros(rows, np.int32)
    for row, sequence in enumerate(sequences):
        array[row, : len(sequence)] = sequence
        lengths[row] = len(sequence)
    return array, lengths
