"""Piano rolls: which of 88 keys sound at each step, and batches of whole pieces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from lstm_gru.data.buckets import Batch, Bucket, BucketBatches
from lstm_gru.data.fetch import FILES, fetch
from lstm_gru.errors import InputError
from lstm_gru.files import file_sha256

KEYS = 88
SPLITS = ("train", "valid", "test")
CORPORA = {"jsb_chorales": "music/JSB_Chorales.mat", "nottingham": "music/Nottingham.mat"}
NARROWEST = 32

Piece = np.ndarray  # bool [T, 88].


@dataclass(frozen=True)
class Rolls:
    """A corpus of pieces.

    Attributes:
      splits: ``train``, ``valid`` and ``test`` to pieces, bool ``[T, 88]`` with T of at least 2.
      source: file and checksum.
    """

    splits: Mapping[str, tuple[Piece, ...]]
    source: Mapping[str, Any]


@cache
def music(corpus: str) -> Rolls:
    """Return a corpus by its name: ``jsb_chorales`` or ``nottingham``.

    Source: Boulanger-Lewandowski, Bengio & Vincent 2012, "Modeling Temporal Dependencies in High-Dimensional
    Sequences", section 5: the chorales of Bach in quarter notes, folk tunes in eighths, and their splits.

    Raises:
      InputError: on another name, or as `lstm_gru.data.fetch.fetch`.
    """
    if corpus not in CORPORA:
        raise InputError(f"music: corpus = {corpus!r}; expected one of {', '.join(CORPORA)}")
    return read_rolls(fetch(FILES[CORPORA[corpus]]))


def read_rolls(path: Path) -> Rolls:
    """Return the pieces of a MATLAB file with the cell arrays ``traindata``, ``validdata`` and ``testdata``.

    Raises:
      InputError: naming the file, and the piece where there is one, when it holds something else.
    """
    try:
        content = scipy.io.loadmat(path)
    except (OSError, ValueError, NotImplementedError, scipy.io.matlab.MatReadError) as error:
        raise InputError(f"{path}: not a MATLAB file of version 7 or below ({error})") from error
    splits = {}
    for split in SPLITS:
        if f"{split}data" not in content:
            raise InputError(f"{path}: no {split}data; expected {', '.join(f'{name}data' for name in SPLITS)}")
        pieces = enumerate(content[f"{split}data"].ravel(), 1)
        splits[split] = tuple(_piece(f"{path}: {split}data, piece {number}", piece) for number, piece in pieces)
        if not splits[split]:
            raise InputError(f"{path}: {split}data is empty; expected pieces")
    return Rolls(splits, {"file": path.name, "sha256": file_sha256(path)})


def _piece(place: str, roll: Any) -> Piece:
    roll = np.asarray(roll)
    if roll.ndim != 2 or roll.shape[1] != KEYS or len(roll) < 2:
        raise InputError(f"{place} has shape {roll.shape}; expected steps × {KEYS} keys, at least 2 steps")
    if not np.isin(roll, (0, 1)).all():
        raise InputError(f"{place} has values other than 0 and 1; expected which keys sound")
    return roll.astype(bool)


class RollBatches(BucketBatches):
    """Training batches of pieces, a pure function of (seed, step).

    A batch has ``roll`` bool ``[B, T + 1, 88]``, False in the padding, and ``lengths [B]``. Widths T double from 32: a
    piece belongs to the narrowest that holds its steps but the first, which nobody predicts. An update on one piece
    would weigh it like many: pieces of a width that are less than half a batch join the next wider ones, and an
    epoch's pieces of a width are shared out evenly over their batches.

    Args:
      pieces: at least one.
      steps_per_batch: predicted positions of a batch, padding included; a wider piece has a batch of its own.
      seed: decides the order.
    """

    def __init__(self, pieces: Sequence[Piece], *, steps_per_batch: int, seed: int):
        widths = _joined(_widths(pieces), steps_per_batch)
        super().__init__([bucket for _, bucket in _buckets(pieces, widths, steps_per_batch)], seed)

    def order(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """Return the bucket and the rows ``[B]`` of each batch of an epoch."""
        random = np.random.default_rng((self.seed, epoch))
        batches = []
        for k, bucket in enumerate(self.buckets):
            for members in np.array_split(random.permutation(bucket.count), -(-bucket.count // bucket.rows)):
                batches.append((k, np.append(members, np.full(bucket.rows - len(members), bucket.count))))
        return [batches[i] for i in random.permutation(len(batches))]


def ordered_rolls(pieces: Sequence[Piece], *, steps_per_batch: int) -> Iterator[tuple[np.ndarray, Batch]]:
    """Yield all pieces by their own width, each once, with the places they have among all; arrays as of `RollBatches`.

    Further rows of a batch have length 0.
    """
    for members, bucket in _buckets(pieces, _widths(pieces), steps_per_batch):
        for start in range(0, bucket.count, bucket.rows):
            rows = np.arange(start, start + bucket.rows).clip(max=bucket.count)  # The last one is empty.
            yield members[start : start + bucket.rows], {name: a[rows] for name, a in bucket.arrays.items()}


def _widths(pieces: Sequence[Piece]) -> np.ndarray:
    predicted = np.array([len(piece) for piece in pieces]) - 1
    return NARROWEST * 2 ** np.ceil(np.log2(np.maximum(predicted / NARROWEST, 1))).astype(int)


def _joined(widths: np.ndarray, steps_per_batch: int) -> np.ndarray:
    widths = widths.copy()
    for width, wider in pairwise(sorted({*widths.tolist()})):
        if 2 * np.sum(widths == width) < steps_per_batch // width:
            widths[widths == width] = wider
    return widths


def _buckets(pieces: Sequence[Piece], widths: np.ndarray, steps_per_batch: int) -> Iterator[tuple[np.ndarray, Bucket]]:
    """The buckets, each with the places of its pieces among all."""
    lengths = np.array([len(piece) for piece in pieces])
    for width in sorted({*widths.tolist()}):
        members = np.flatnonzero(widths == width)
        roll = np.zeros((len(members) + 1, width + 1, KEYS), bool)
        for row, member in enumerate(members):
            roll[row, : lengths[member]] = pieces[member]
        arrays = {"roll": roll, "lengths": np.append(lengths[members], 0).astype(np.int32)}
        yield members, Bucket(max(1, steps_per_batch // width), len(members), arrays)
