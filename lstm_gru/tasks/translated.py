"""What became of the pairs of a tested split: their file, and the scores that follow from them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstm_gru.bleu import Score, bleu, chrf
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
    """Return the scores of a split: the values of `text_scores` of the beam's translations, and `further_scores`."""
    text = text_scores([pair.beam for pair in pairs], [pair.reference for pair in pairs])
    return {name: score.value for name, score in text.items()} | further_scores(pairs)


def text_scores(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Score]:
    """Return the scores that need no more than the texts, each with its signature.

    Returns:
      ``bleu`` (lowercased), ``bleu_cased`` and ``chrf``.
    """
    return {
        "bleu": bleu(hypotheses, references, lowercase=True),
        "bleu_cased": bleu(hypotheses, references, lowercase=False),
        "chrf": chrf(hypotheses, references),
    }


def further_scores(pairs: Sequence[TranslatedPair]) -> dict[str, float]:
    """Return the scores that need what else is known of a pair.

    Returns:
      ``bleu_greedy``, lowercased BLEU of greedy search, and ``exact``, the share of the beam's translations that are
      the reference, both from 0 to 100; ``perplexity``.
    """
    reference = [pair.reference for pair in pairs]
    return {
        "bleu_greedy": bleu([pair.greedy for pair in pairs], reference, lowercase=True).value,
        "exact": 100 * float(np.mean([pair.beam == pair.reference for pair in pairs])),
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
