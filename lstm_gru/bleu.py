"""BLEU and chrF by sacreBLEU, with the signatures that make them comparable, and BLEU's statistics by sentence.

Scores of a corpus are functions of sums over its sentences, which is what a bootstrap over sentences needs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

ORDERS = 4


class Score(NamedTuple):
    """A corpus score between 0 and 100, and the signature that says how it was computed."""

    value: float
    signature: str


def bleu(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool) -> Score:
    """Return sacreBLEU of detokenised text, with its tokeniser 13a.

    Source: Papineni et al. 2002; Post 2018, "A Call for Clarity in Reporting BLEU Scores".

    Args:
      hypotheses: translations, one a sentence.
      references: as many, at least one.
      lowercase: whether case is ignored.

    Raises:
      ValueError: when there are not as many, or none.

    Example:
      >>> round(bleu(["the cat sat on the mat"], ["The cat sat on a mat"], lowercase=True).value, 1)
      53.7
    """
    return _scored(BLEU(lowercase=lowercase), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Return sacreBLEU's chrF2: the F-score, β = 2, of character n-grams up to 6; arguments as for `bleu`.

    Source: Popović 2015.
    """
    return _scored(CHRF(), hypotheses, references)


def bleu_statistics(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool) -> np.ndarray:
    """Return for each sentence what BLEU sums up; `bleu_of` their sum is the corpus score.

    Returns:
      int ``[N, 10]``: length of the hypothesis and of the reference in tokens, right n-grams for n = 1 to 4, and all
      n-grams of the hypothesis for n = 1 to 4.
    """
    metric = BLEU(lowercase=lowercase, effective_order=True)  # It changes the sentence's score, not what is counted.
    scores = [metric.sentence_score(h, [r]) for h, r in zip(hypotheses, references, strict=True)]
    rows = [[score.sys_len, score.ref_len, *score.counts, *score.totals] for score in scores]
    return np.array(rows, int).reshape(-1, 2 + 2 * ORDERS)


def bleu_of(statistics: np.ndarray) -> np.ndarray:
    """Return BLEU of summed statistics.

    Equations: ``100 · BP · (Π_n p_n)^¼`` with ``p_n = right_n / all_n`` and ``BP = min(1, exp(1 - r/c))`` for lengths c
    of hypotheses and r of references; the k-th ``p_n`` without a right n-gram is ``1 / (2^k all_n)``. Source: Papineni
    et al. 2002, section 2.3; sacreBLEU's smoothing ``exp``.

    Args:
      statistics: ``[..., 10]``, sums of rows of `bleu_statistics`.

    Returns:
      ``[...]``, between 0 and 100; 0 where there is no 4-gram at all.
    """
    statistics = np.asarray(statistics, float)
    ours, theirs = statistics[..., 0], statistics[..., 1]
    right, every = statistics[..., 2 : 2 + ORDERS], statistics[..., 2 + ORDERS :]
    missed = np.cumsum(right == 0, axis=-1)
    precision = np.where(right == 0, 0.5**missed, right) / np.maximum(every, 1)
    brevity = np.minimum(0.0, 1 - theirs / np.maximum(ours, 1))
    score = 100 * np.exp(brevity + np.log(precision).mean(axis=-1))
    return np.where((every.min(axis=-1) > 0) & (right[..., 0] > 0), score, 0.0)


def _scored(metric: BLEU | CHRF, hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    if not 0 < len(hypotheses) == len(references):  # The library would score as many as there are of both.
        raise ValueError(f"{len(hypotheses)} hypotheses, {len(references)} references; expected as many, at least one")
    score = metric.corpus_score(list(hypotheses), [list(references)]).score
    return Score(score, str(metric.get_signature()))
