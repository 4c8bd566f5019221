"""Sentences whose words have tags, from column files, with errors that say where.

Two layouts are known, told apart by the first word's columns: ``word TAB tag``, and CoNLL-U's ten columns, of which
the form (second) and the universal part of speech (fourth) are read. A blank line ends a sentence.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lstm_gru.data.fetch import FILES, fetch
from lstm_gru.data.text import read_lines
from lstm_gru.errors import InputError

NORMALISATION = "NFC"
CONLLU_COLUMNS = 10
FORM, TAG = 1, 3  # Of CoNLL-U's columns, from 0.
NO_TAG = "_"  # Of CoNLL-U.
LAYOUTS = "word TAB tag, or the ten columns of CoNLL-U"
DANISH = {"train": "train", "valid": "dev", "test": "test"}


@dataclass(frozen=True)
class Tagged:
    """Sentences as words and tags.

    Attributes:
      words: of each sentence, in Unicode's form NFC; none is empty.
      tags: of each sentence, one for each word.
      source: name and SHA-256 of the file and the normalisation, as plain JSON values for a run's settings.
    """

    words: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[str, ...], ...]
    source: dict[str, Any]

    def __len__(self) -> int:
        return len(self.words)

    def first(self, sentences: int) -> "Tagged":
        """Return the first so many sentences."""
        return replace(self, words=self.words[:sentences], tags=self.tags[:sentences])


def read_tagged(path: str | Path) -> Tagged:
    """Return the sentences of a UTF-8 column file; a name that ends in .gz is unpacked.

    In CoNLL-U, comments, the lines of multiword tokens (``3-4``) and of empty nodes (``8.1``) are left out, as its
    definition asks for the syntactic words. Blank lines at the end are not sentences.

    Args:
      path: the file.

    Raises:
      InputError: naming the file and the line, when a line has another number of columns than the first word's, a
        word or a tag is empty, a sentence is, or the columns of a line are not separated by tabs.

    Example:
      >>> danish = read_tagged("da-ud-train.conllu")  # doctest: +SKIP
    """
    path = Path(path)
    lines, file = read_lines(path, expected=LAYOUTS)
    while lines and not lines[-1].strip():
        lines.pop()
    reader, sentences = ColumnReader(), [[]]
    for number, line in enumerate(lines, start=1):
        place = f"{path}: line {number}"
        if not line.strip():
            if not sentences[-1]:
                raise InputError(f"{place} ends a sentence of no words; expected one blank line between two sentences")
            sentences.append([])
        elif word := reader.read(line, place):
            sentences[-1].append(word)
    if not sentences[-1]:
        raise InputError(f"{path}: line {len(lines)} ends a sentence of no words; expected {LAYOUTS}")
    words, tags = zip(*(zip(*sentence, strict=True) for sentence in sentences), strict=True)
    return Tagged(words, tags, {**file, "normalisation": NORMALISATION})


class ColumnReader:
    """Reads the lines of a column file one after the other; the first word's columns decide the layout.

    Args:
      tagged: expect tags. Without, a line may also be a word alone, and what stands where a tag would is not looked at.
    """

    def __init__(self, *, tagged: bool = True):
        self._tagged, self._columns = tagged, 0

    def read(self, line: str, place: str) -> tuple[str, str] | None:
        """Return the word and the tag of a line, which is not blank; None where it holds no syntactic word.

        Args:
          line: without its end; a carriage return there is white space.
          place: what errors call it.

        Raises:
          InputError: on another number of columns than before, or an empty word or tag.
        """
        fields = line.removesuffix("\r").split("\t")
        if self._is_comment(line, fields):
            return None
        self._columns = self._columns or self._layout(fields, place)
        if len(fields) != self._columns:
            raise InputError(f"{place} has {_counted(fields)}; expected {self._columns} separated by tabs, as before")
        if self._columns == CONLLU_COLUMNS:
            if "-" in fields[0] or "." in fields[0]:  # A multiword token, or an empty node.
                return None
            fields = [fields[FORM], fields[TAG]]
        word, tag = word_form(fields[0].strip()), fields[-1].strip()
        if not word:
            raise InputError(f"{place}: its word is empty; expected {LAYOUTS}")
        if self._tagged and (not tag or (self._columns == CONLLU_COLUMNS and tag == NO_TAG)):
            raise InputError(f"{place}: its tag is {tag or 'empty'}; expected {LAYOUTS}")
        return word, tag

    def _is_comment(self, line: str, fields: Sequence[str]) -> bool:
        """Of CoNLL-U, which may begin with comments; where words stand alone, ``#word`` is one of them."""
        if self._columns == CONLLU_COLUMNS:
            return line.startswith("#") and len(fields) != CONLLU_COLUMNS
        if self._columns:
            return False
        return line.startswith("# " if len(fields) > 1 or not self._tagged else "#")

    def _layout(self, fields: Sequence[str], place: str) -> int:
        if len(fields) not in (2, CONLLU_COLUMNS) and (self._tagged or len(fields) > 1):
            raise InputError(f"{place} has {_counted(fields)}; expected {LAYOUTS}")
        return len(fields)


def danish(split: str, data_dir: str | Path | None = None) -> Tagged:
    """Return a split of the Danish Universal Dependencies, words with their universal part of speech.

    4,868, 322 and 322 sentences. Source: the data folder of bplank/bilstm-aux.

    Args:
      split: ``train``, ``valid`` or ``test``.
      data_dir: the data folder, as for `lstm_gru.data.fetch.fetch`.

    Raises:
      InputError: on another split, or when the file can be had from nowhere.

    Example:
      >>> len(danish("valid"))  # doctest: +SKIP
      322
    """
    if split not in DANISH:
        raise InputError(f"danish: split = {split!r}; expected one of {', '.join(DANISH)}")
    return read_tagged(fetch(FILES[f"pos_danish/da-ud-{DANISH[split]}.conllu"], data_dir))


def word_form(word: str) -> str:
    """Return a word as it is compared with others: in Unicode's form NFC."""
    return unicodedata.normalize(NORMALISATION, word)


def _counted(fields: Sequence[str]) -> str:
    if len(fields) == 1 and len(words := fields[0].split()) > 1:
        return f"no tab, but {len(words)} columns separated by spaces"
    return f"{len(fields)} column{'s' if len(fields) > 1 else ''}"
