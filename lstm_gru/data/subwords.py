"""Subword units: one byte-pair encoding for both languages, learned from the training text.

Text is normalised by `lstm_gru.data.bitext.normalise` and by nothing else: the library's own normaliser is the
identity, since its default (NFKC) changes characters, as ``½`` to ``1⁄2``. What is in no subword is written as
its UTF-8 bytes, which are subwords too, so that every text is encoded without loss.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sentencepiece

from lstm_gru.data.bitext import NORMALISATION, normalise
from lstm_gru.errors import InputError

PAD, UNK, BOS, EOS = range(4)
BYTES = 256
RESERVED = "\u2585"  # The library leaves out training sentences in which it stands.
LONGEST_BYTES = 1 << 30  # The library's limit; at its default of 4,192 it would leave out longer sentences.
SILENT = 2  # Nothing below errors, which are raised anyway.


@dataclass(frozen=True)
class Tokenizer:
    """A learned subword model.

    Attributes:
      model: the model as sentencepiece writes it; all that is needed to keep it with a run.
    """

    model: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Load the model.

        Raises:
          InputError: when it is not one of sentencepiece's with the ids of this module.
        """
        ids = ("pad_id", "unk_id", "bos_id", "eos_id")
        if [getattr(self._processor, name)() for name in ids] != [PAD, UNK, BOS, EOS]:
            raise InputError(f"subword model {self.sha256}: expected {', '.join(ids)} to be 0, 1, 2, 3")

    @cached_property
    def _processor(self) -> sentencepiece.SentencePieceProcessor:
        try:
            if not self.model:  # Which the library takes for no model at all, and prints.
                raise RuntimeError("no bytes")
            return sentencepiece.SentencePieceProcessor(model_proto=self.model)
        except RuntimeError as error:
            raise InputError(f"subword model {self.sha256}: not a model of sentencepiece ({error})") from error

    @property
    def vocabulary_size(self) -> int:
        """V, the number of subwords; every id is below it."""
        return self._processor.get_piece_size()

    @cached_property
    def sha256(self) -> str:
        """Checksum of the model."""
        return hashlib.sha256(self.model).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """What the subwords are, as plain JSON values for a run's settings."""
        return {
            "kind": "byte-pair encoding with bytes for the rest, cased",
            "vocabulary_size": self.vocabulary_size,
            "normalisation": NORMALISATION,
            "sha256": self.sha256,
        }

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's subword ids, after normalising it; no mark of its start or end is added.

        An empty text has no ids; none of a text's ids is one of ``PAD, UNK, BOS, EOS``.
        """
        return self._processor.encode([normalise(text) for text in texts])

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return what each subword looks like, with a hyphen before one that continues a word: ``Hund -e``."""
        written = (self._processor.id_to_piece(int(i)) for i in ids)
        return [piece[1:] if piece.startswith("\u2581") else f"-{piece}" for piece in written]

    def decode(self, ids: Sequence[Sequence[int] | np.ndarray]) -> list[str]:
        """Return the text of each row of ids: one line, normalised; ``PAD, BOS, EOS`` leave no trace.

        ``decode(encode([text])) == [normalise(text)]``. Each byte that is no part of a character becomes U+FFFD.
        """
        return [normalise(self._processor.decode(np.asarray(row, int).tolist())) for row in ids]


def train_bpe(*sides: Sequence[str], vocabulary_size: int) -> Tokenizer:
    """Return a byte-pair encoding learned from all sides together; the same text gives the same bytes.

    Source: Sennrich et al. 2016; Kudo & Richardson 2018. Pairs are merged within words only.

    Args:
      sides: sentences, one sequence a language.
      vocabulary_size: V: 4 ids for ``PAD, UNK, BOS, EOS``, 256 bytes, every character of the text, then merges.

    Raises:
      InputError: when there is no text, or V is too small for its characters or too large for its merges.

    Example:
      >>> tokenizer = train_bpe(["der Hund", "der Hut"], ["the dog", "the hat"], vocabulary_size=280)
      >>> tokenizer.decode(tokenizer.encode(["der Dom, 東京"]))
      ['der Dom, 東京']
    """
    sentences = [normalise(text).replace(RESERVED, " ") for side in sides for text in side]
    characters = set("".join(sentences)) | {" "}
    least = EOS + 1 + BYTES + len(characters)
    if characters == {" "}:
        raise InputError("train_bpe: no text; expected sentences to learn subwords from")
    if vocabulary_size < least:
        raise InputError(
            f"vocabulary_size = {vocabulary_size} is too small for {len(characters)} different characters; "
            f"expected at least {least}"
        )
    return Tokenizer(_train(sentences, vocabulary_size))


def _train(sentences: list[str], vocabulary_size: int) -> bytes:
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocabulary_size,
            hard_vocab_limit=True,
            byte_fallback=True,
            character_coverage=1.0,
            normalization_rule_name="identity",
            max_sentence_length=LONGEST_BYTES,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            num_threads=1,  # More of them give another model from run to run.
            minloglevel=SILENT,
        )
    except RuntimeError as error:
        most = re.search(r"value <= (\d+)", str(error))
        expected = f"expected at most {most[1]}" if most else str(error)
        raise InputError(
            f"vocabulary_size = {vocabulary_size} is too large for {len(sentences)} sentences; {expected}"
        ) from error
    return model.getvalue()
