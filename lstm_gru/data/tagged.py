"""Sentences whose words have tags, from column files, with errors that say where.

Two layouts are known, told apart by the first word's columns: ``word TAB tag``, and CoNLL-U's ten columns, of which
the form (second) and the universal part of speech (fourth) are read. A blank line ends a sentence.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstm_gru.data.fetch import FILES, fetch
from lstm_gru.data.text import read_lines
from lstm_gru.errors import InputError

NORMALISATION = "NFC"
CONLLU_COLUMNS = 10
FORM, TAG = 1, 3  # Of CoNLL-U's columns, from 0.
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
    sentences: list[list[tuple[str, str]]] = [[]]
    columns = 0
    while lines and not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, start=1):
        place, line = f"{path}: line {number}", line.removesuffix("\r")
        if not line.strip():
            if not sentences[-1]:
                raise InputError(f"{place} ends a sentence of no words; expected one blank line between two sentences")
            sentences.append([])
            continue
        fields = line.split("\t")
        if columns != 2 and line.startswith("#") and len(fields) == 1:
            continue  # A comment of CoNLL-U; a word of two columns may begin with the same sign.
        columns = columns or _layout(fields, place)
        if len(fields) != columns:
            raise InputError(f"{place} has {_counted(fields)}; expected {columns} separated by tabs, as before")
        word = _word(fields, place)
        if word:
            sentences[-1].append(word)
    if not sentences[-1]:
        raise InputError(f"{path}: its last sentence has no words; expected {LAYOUTS}")
    words, tags = zip(*(zip(*sentence, strict=True) for sentence in sentences), strict=True)
    return Tagged(words, tags, {**file, "normalisation": NORMALISATION})


def danish(split: str, data_dir: str | Path | None = None) -> Tagged:
    """Return a split of the Danish Universal Dependencies, words with their universal part of speech.

    4,868, 322 and 322 sentences. Source: bplank/bilstm-aux, the data of Plank, Søgaard & Goldberg 2016.

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
    return unicodedata.normalize("NFC", word)


def is_syntactic(fields: Sequence[str]) -> bool:
    """Return whether a line of CoNLL-U is a word, not a multiword token (``3-4``) or an empty node (``8.1``)."""
    return "-" not in fields[0] and "." not in fields[0]


def _layout(fields: Sequence[str], place: str) -> int:
    if len(fields) not in (2, CONLLU_COLUMNS):
        raise InputError(f"{place} has {_counted(fields)}; expected {LAYOUTS}")
    return len(fields)


def _counted(fields: Sequence[str]) -> str:
    if len(fields) == 1 and len(words := fields[0].split()) > 1:
        return f"no tab, but {len(words)} columns separated by spaces"
    return f"{len(fields)} column{'s' if len(fields) > 1 else ''}"


def _word(fields: Sequence[str], place: str) -> tuple[str, str] | None:
    """The word and its tag; None for a line of CoNLL-U that is not a syntactic word."""
    if len(fields) == CONLLU_COLUMNS:
        if not is_syntactic(fields):
            return None
        word, tag = fields[FORM], fields[TAG]
    else:
        word, tag = fields
    word, tag = word_form(word.strip()), tag.strip()
    for name, value in (("word", word), ("tag", tag)):
        if not value:
            raise InputError(f"{place}: its {name} is empty; expected {LAYOUTS}")
    return word, tag
