"""Music without a network: how often each key sounds, and how often it does after sounding or not."""

from collections.abc import Sequence

import numpy as np

from lstm_gru.data.rolls import Piece, music

SMALLEST = 1e-6  # Probability of what training has never shown.


def floors(corpus: str) -> dict[str, np.ndarray]:
    """Return the nats of each test piece of a corpus, by its name, without a network; see `marginal` and `markov`."""
    train, test = (music(corpus).splits[name] for name in ("train", "test"))
    return {
        "frequency of each key": marginal(train, test),
        "each key by itself, given its last step": markov(train, test),
    }


def marginal(train: Sequence[Piece], pieces: Sequence[Piece]) -> np.ndarray:
    """Return each piece's negative log-likelihood in nats when a key sounds with its frequency in training.

    The first step of a piece is given, as for `markov`, and predicted by nobody; ``[N]``.

    Example:
      >>> roll = np.zeros((3, 88), bool)
      >>> roll[:, 0] = [True, True, False]  # After the first step this key sounds every other time.
      >>> float(marginal([roll], [roll])[0].round(3))  # 2 ln 2, and next to nothing for the others.
      1.386
    """
    after = np.concatenate([piece[1:] for piece in train])
    return np.array([_nats(np.broadcast_to(after.mean(axis=0), piece[1:].shape), piece[1:]) for piece in pieces])


def markov(train: Sequence[Piece], pieces: Sequence[Piece]) -> np.ndarray:
    """Return each piece's negative log-likelihood in nats when a key depends on whether it sounded a step before.

    Example:
      >>> roll = np.zeros((4, 88), bool)
      >>> roll[:, 0] = [True, False, True, False]
      >>> float(markov([roll], [roll])[0].round(3))
      0.0
    """
    before = np.concatenate([piece[:-1] for piece in train])
    after = np.concatenate([piece[1:] for piece in train])
    on, off = (_share(after, where) for where in (before, ~before))
    return np.array([_nats(np.where(piece[:-1], on, off), piece[1:]) for piece in pieces])


def _share(sounding: np.ndarray, where: np.ndarray) -> np.ndarray:
    """For each key how often it sounds where it is asked for; ``[88]``."""
    return (sounding & where).sum(axis=0) / np.maximum(where.sum(axis=0), 1)


def _nats(probabilities: np.ndarray, sounding: np.ndarray) -> float:
    p = probabilities.clip(SMALLEST, 1 - SMALLEST)
    return float(-np.log(np.where(sounding, p, 1 - p)).sum())
