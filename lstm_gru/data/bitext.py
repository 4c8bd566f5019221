"""Pairs of sentences in two languages, line by line, with a fixed normalisation and errors that say where."""

import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lstm_gru.data.fetch import FILES, fetch
from lstm_gru.data.text import read_lines
from lstm_gru.errors import InputError

NORMALISATION = "NFC; each run of white space, U+2581 included, is one space; none at either end"
SURROGATE = re.compile("[\ud800-\udfff]")
MULTI30K = {"train": "train", "valid": "val", "test": "test_2016_flickr"}


@dataclass(frozen=True)
class Bitext:
    """Sentences and their translations.

    Attributes:
      src: source sentences, normalised.
      trg: target sentences, as many.
      source: names and SHA-256 of the files and the normalisation, as plain JSON values for a run's settings.
    """

    src: tuple[str, ...]
    trg: tuple[str, ...]
    source: dict[str, Any]

    def __len__(self) -> int:
        return len(self.src)

    def first(self, pairs: int) -> "Bitext":
        """Return the first so many pairs."""
        return replace(self, src=self.src[:pairs], trg=self.trg[:pairs])


def normalise(text: str) -> str:
    """Return the text in Unicode's form NFC, with single spaces between words and none at its ends.

    Every character that Python counts as white space is a space, line separators and no-break spaces among them,
    and so is U+2581, by which subword models mark a space and which they could not give back. Applying it twice
    changes nothing. A lone surrogate, which Python may hold but no encoding can write, becomes U+FFFD.

    Example:
      >>> normalise(" a\u2028 b\\n")
      'a b'
    """
    return " ".join(unicodedata.normalize("NFC", SURROGATE.sub("\ufffd", text)).replace("\u2581", " ").split())


def read_bitext(src_path: str | Path, trg_path: str | Path) -> Bitext:
    """Return the pairs of two UTF-8 text files, one sentence a line; a name that ends in .gz is unpacked.

    Lines are those of `lstm_gru.data.text.read_lines`; a carriage return at an end is white space.

    Args:
      src_path: the source sentences.
      trg_path: their translations, line by line.

    Raises:
      InputError: naming the file, and the line where there is one, when a file cannot be read, is empty or is not
        UTF-8, when the numbers of lines differ, or when a line holds no sentence.

    Example:
      >>> bitext = read_bitext("train.de.gz", "train.en.gz")  # doctest: +SKIP
    """
    (src, src_file), (trg, trg_file) = read_lines(Path(src_path)), read_lines(Path(trg_path))
    if len(src) != len(trg):
        raise InputError(
            f"{src_path} has {len(src)} lines and {trg_path} has {len(trg)}; expected a translation for each line"
        )
    sides = [
        tuple(_sentence(line, f"{path}: line {number}") for number, line in enumerate(lines, start=1))
        for path, lines in ((src_path, src), (trg_path, trg))
    ]
    return Bitext(*sides, {"src": src_file, "trg": trg_file, "normalisation": NORMALISATION})


def read_tsv(path: str | Path) -> Bitext:
    """Return the pairs of one UTF-8 text file with ``source TAB target`` on each line; else as `read_bitext`.

    Raises:
      InputError: as `read_bitext`, and when a line has not exactly one tab.

    Example:
      >>> bitext = read_tsv("pairs.tsv")  # doctest: +SKIP
    """
    lines, file = read_lines(Path(path))
    pairs = []
    for number, line in enumerate(lines, start=1):
        place = f"{path}: line {number}"
        sides = line.split("\t")
        if len(sides) != 2:
            raise InputError(f"{place} has {len(sides) - 1} tabs; expected exactly one, between source and target")
        pairs.append((_sentence(sides[0], f"{place}, source"), _sentence(sides[1], f"{place}, target")))
    src, trg = zip(*pairs, strict=True)
    return Bitext(src, trg, {**file, "normalisation": NORMALISATION})


def multi30k(split: str, data_dir: str | Path | None = None) -> Bitext:
    """Return a split of Multi30k, descriptions of photographs in German (source) and English (target).

    29,000, 1,014 and 1,000 pairs. Source: Elliott et al. 2016, task 1; ``test`` is the test set of 2016.

    Args:
      split: ``train``, ``valid`` or ``test``.
      data_dir: the data folder, as for `lstm_gru.data.fetch.fetch`.

    Raises:
      InputError: on another split, or when a file can be had from nowhere.

    Example:
      >>> len(multi30k("valid"))  # doctest: +SKIP
      1014
    """
    if split not in MULTI30K:
        raise InputError(f"multi30k: split = {split!r}; expected one of {', '.join(MULTI30K)}")
    names = [f"multi30k/{MULTI30K[split]}.{language}.gz" for language in ("de", "en")]
    return read_bitext(*(fetch(FILES[name], data_dir) for name in names))


def _sentence(line: str, place: str) -> str:
    sentence = normalise(line)
    if not sentence:
        raise InputError(f"{place} is empty; expected a sentence")
    return sentence
