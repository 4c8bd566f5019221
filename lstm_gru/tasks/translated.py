"""What became of the pairs of a tested split: their file, and the scores that follow from them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstm_gru.bleu import bleu, chrf
from lstm_gru.files import write_text


class TranslatedPair(NamedTuple):
    """A pair of a tested split and what became of its source.

    Attributes:
      src: the source sentence.
      reference: its translation in the corpus.
      beam: the translation by beam search.
      score: of that, see `lstm_gru.translator.Translation`.
      greedy: the translation by greedy search.
      nats: negative log-likelihood of the reference.
      subwords: of the reference, its end included.
      labels: what occurs in the pair.
    """

    src: str
    reference: str
    beam: str
    score: float
    greedy: str
    nats: float
    subwords: int
    labels: tuple[str, ...]


def scores(pairs: Sequence[TranslatedPair]) -> dict[str, float]:
    """Return the scores of a split.

    Returns:
      ``bleu`` (lowercased), ``bleu_cased``, ``bleu_greedy`` (lowercased, of greedy search), ``chrf``, and ``exact``,
      the share of translations that are the reference, all from 0 to 100; ``perplexity``.
    """
    reference, beam = [pair.reference for pair in pairs], [pair.beam for pair in pairs]
    return {
        "bleu": bleu(beam, reference, lowercase=True).value,
        "bleu_cased": bleu(beam, reference, lowercase=False).value,
        "bleu_greedy": bleu([pair.greedy for pair in pairs], reference, lowercase=True).value,
        "chrf": chrf(beam, reference).value,
        "exact": 100 * float(np.mean([ours == theirs for ours, theirs in zip(beam, reference, strict=True)])),
        "perplexity": perplexity(np.array([(pair.nats, pair.subwords) for pair in pairs])),
    }


def perplexity(forced: np.ndarray) -> float:
    """Return ``exp(Σ nats / Σ subwords)`` of ``[N, 2]``: of each subword given the right ones before it."""
    nats, subwords = forced.sum(axis=0)
    return float(np.exp(nats / subwords))


def pairs_path(run_dir: Path, split: str) -> Path:
    """Return the file of a tested split's translations: one JSON object a line, in the order of the corpus."""
    return run_dir / f"translations-{split}.jsonl"


def write_pairs(path: Path, pairs: Sequence[TranslatedPair]) -> None:
    """Write translated pairs."""
    lines = (json.dumps(pair._asdict(), ensure_ascii=False) for pair in pairs)
    write_text(path, "".join(f"{line}\n" for line in lines))


def read_pairs(path: Path) -> list[TranslatedPair]:
    """Return translated pairs as written by `write_pairs`."""
    with path.open(encoding="utf-8") as lines:  # Unlike str.splitlines, it ends no line at U+2028 and the like.
        rows = [json.loads(line) for line in lines]
    return [TranslatedPair(**{**row, "labels": tuple(row["labels"])}) for row in rows]
