"""Corpora of sentence pairs in splits: Multi30k, the grammar, or files of one's own."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from lstm_gru.config import require, require_choice
from lstm_gru.data.bitext import Bitext, multi30k, read_bitext, read_tsv
from lstm_gru.data.grammar import GrammarConfig, grammar_corpus
from lstm_gru.errors import InputError

CORPORA = ("multi30k", "grammar")
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class CorpusConfig:
    """Where sentence pairs come from: a corpus by its name, or files with one sentence a line (.gz is unpacked)."""

    corpus: Literal["multi30k", "grammar"] = "multi30k"
    """German-English descriptions of photographs, or sentences of the grammar; unless files are given."""
    src: str = ""
    """File of source sentences to train on."""
    trg: str = ""
    """File of their translations, line by line."""
    tsv: str = ""
    """File of 'source TAB target' lines to train on, instead of src and trg."""
    valid_src: str = ""
    """The same three for validation; without them pairs of the training files are held out."""
    valid_trg: str = ""
    """See valid_src."""
    valid_tsv: str = ""
    """See valid_src."""
    test_src: str = ""
    """The same three for the test; without them pairs of the training files are held out."""
    test_trg: str = ""
    """See test_src."""
    test_tsv: str = ""
    """See test_src."""
    held_out: int = 500
    """Pairs held out of the training files for each split without files, but at most a tenth of all."""
    most_scored: int = 0
    """How many pairs of each split that is not trained on are used, the first ones; all of them when 0."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
          InputError: naming the fields that do not go together.
        """
        require_choice(self, "corpus", CORPORA)
        require(self, "held_out", low=1)
        require(self, "most_scored", low=0)
        for split in SPLITS:
            (src, src_path), (trg, trg_path), (tsv, tsv_path) = self._files(split)
            if bool(src_path) != bool(trg_path):
                given, missing = (src, trg) if src_path else (trg, src)
                raise InputError(f"CorpusConfig: {given} without {missing}; expected both, or {tsv}")
            if src_path and tsv_path:
                raise InputError(f"CorpusConfig: {src}, {trg} and {tsv}; expected two files or the one")
            if split != "train" and (src_path or tsv_path) and not self.own_files:
                raise InputError(
                    f"CorpusConfig: {src if src_path else tsv} without training files; expected src and trg, or tsv"
                )

    @property
    def own_files(self) -> bool:
        """Whether files are given, instead of a corpus by its name."""
        return bool(self.src or self.tsv)

    def read(self, split: str) -> Bitext | None:
        """Return the pairs of a split's files; None where none are given."""
        (_, src), (_, trg), (_, tsv) = self._files(split)
        return read_tsv(tsv) if tsv else read_bitext(src, trg) if src else None

    def _files(self, split: str) -> list[tuple[str, str]]:
        names = [name if split == "train" else f"{split}_{name}" for name in ("src", "trg", "tsv")]
        return [(name, getattr(self, name)) for name in names]


@dataclass(frozen=True)
class Corpus:
    """Sentence pairs in splits.

    Attributes:
      splits: name to pairs, ``train``, ``valid``, ``test`` and further ones that are tested too.
      labels: for a split whose pairs have any, what occurs in each of them.
      settings: where all this comes from, as plain JSON values with checksums.
    """

    splits: dict[str, Bitext]
    labels: dict[str, tuple[tuple[str, ...], ...]]
    settings: dict[str, Any]

    @property
    def tested(self) -> tuple[str, ...]:
        """The splits that are for scoring only, the test first."""
        return tuple(name for name in self.splits if name not in ("train", "valid"))


@cache
def load_corpus(config: CorpusConfig) -> Corpus:
    """Return the corpus of a configuration.

    Raises:
      InputError: as `lstm_gru.data.bitext.read_bitext`, or when there are too few pairs to hold any out.

    Example:
      >>> sorted(load_corpus(CorpusConfig(corpus="grammar")).splits)
      ['long', 'test', 'train', 'valid']
    """
    corpus = _whole(config)
    return _scored_in_part(corpus, config.most_scored) if config.most_scored else corpus


def _whole(config: CorpusConfig) -> Corpus:
    if config.own_files:
        return _from_files(config)
    if config.corpus == "grammar":
        return _from_grammar(GrammarConfig())
    splits = {split: multi30k(split) for split in SPLITS}
    return Corpus(splits, {}, {"corpus": "multi30k", **{split: bitext.source for split, bitext in splits.items()}})


def _scored_in_part(corpus: Corpus, pairs: int) -> Corpus:
    splits = {name: bitext if name == "train" else bitext.first(pairs) for name, bitext in corpus.splits.items()}
    labels = {name: found if name == "train" else found[:pairs] for name, found in corpus.labels.items()}
    return Corpus(splits, labels, {**corpus.settings, "most_scored": pairs})


def _from_grammar(config: GrammarConfig) -> Corpus:
    settings = {"corpus": "grammar", "grammar": asdict(config)}
    splits, labels = {}, {}
    for name, split in grammar_corpus(config).items():
        splits[name] = Bitext(*split.pairs, settings)
        labels[name] = tuple(tuple(sorted(phenomena)) for phenomena in split.phenomena)
    return Corpus(splits, labels, settings)


def _from_files(config: CorpusConfig) -> Corpus:
    splits = {split: config.read(split) for split in SPLITS}
    settings = {"corpus": "files", **{split: bitext.source for split, bitext in splits.items() if bitext}}
    if missing := [split for split, bitext in splits.items() if bitext is None]:
        settings["held_out"] = config.held_out
        try:
            splits |= hold_out(splits["train"], missing, config.held_out)
        except InputError as error:
            raise InputError(f"{config.tsv or f'{config.src}, {config.trg}'}: {error}") from error
    return Corpus(splits, {}, settings)


def hold_out(bitext: Bitext, names: Sequence[str], pairs: int) -> dict[str, Bitext]:
    """Return pairs taken out of a bitext, by name, and the others as ``train``; always the same ones.

    All pairs of a source sentence go into one split, so that no split has a source sentence of another; they stay in
    training where a split has no room for all of them.

    Args:
      bitext: all pairs.
      names: of the splits wanted.
      pairs: the size of each, at most a tenth of all; or less, where source sentences have several pairs.

    Raises:
      InputError: when there are fewer than 10 pairs, or too few different source sentences for a split each.

    Example:
      >>> splits = hold_out(Bitext(tuple("abcdefghijklmnopqrst"), tuple("x" * 20), {}), ["valid"], 500)
      >>> len(splits["valid"]), len(splits["train"])
      (2, 18)
    """
    size = min(pairs, len(bitext) // 10)
    lines: dict[str, list[int]] = {}
    for line, sentence in enumerate(bitext.src):
        lines.setdefault(sentence, []).append(line)
    groups, taken = list(lines.values()), {}
    groups = [groups[k] for k in np.random.default_rng(0).permutation(len(groups))]
    for name in names:
        taken[name], left = [], []
        for group in groups:
            fits = len(taken[name]) + len(group) <= size
            (taken[name].extend if fits else left.append)(group)
        groups = left
    taken["train"] = [line for group in groups for line in group]
    if not all(taken.values()):
        raise InputError(
            f"{len(bitext)} pairs with {len(lines)} different source sentences are too few to hold "
            f"{' and '.join(names)} out; expected at least 10 with {len(names) + 1}, or files"
        )
    return {name: _chosen(bitext, sorted(chosen)) for name, chosen in taken.items()}


def _chosen(bitext: Bitext, lines: Sequence[int]) -> Bitext:
    return Bitext(tuple(bitext.src[i] for i in lines), tuple(bitext.trg[i] for i in lines), bitext.source)
