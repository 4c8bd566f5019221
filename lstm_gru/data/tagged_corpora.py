"""Tagged sentences in splits: the Danish Universal Dependencies, made ones, or column files of one's own."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from lstm_gru.config import require, require_choice
from lstm_gru.data.one_sided import KINDS, one_sided
from lstm_gru.data.tagged import Tagged, danish, read_tagged
from lstm_gru.data.vocabulary import Vocabulary, learn_vocabulary
from lstm_gru.errors import InputError

CORPORA = ("danish", *KINDS)
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class TaggedCorpusConfig:
    """Where tagged sentences come from: a corpus by its name, or column files (.gz is unpacked)."""

    corpus: Literal["danish", "past", "future", "both"] = "danish"
    """Danish with universal parts of speech, or letters whose tags lie on one side or both; unless files are given."""
    train_file: str = ""
    """Sentences to train on, a word and its tag a line, or CoNLL-U."""
    valid_file: str = ""
    """Sentences that choose the checkpoint."""
    test_file: str = ""
    """Sentences that are tagged once, at the end; may be left out."""
    most_scored: int = 0
    """How many sentences of each split that is not trained on are used, the first ones; all of them when 0."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
          InputError: naming the fields that do not go together.
        """
        require_choice(self, "corpus", CORPORA)
        require(self, "most_scored", low=0)
        if bool(self.train_file) != bool(self.valid_file):
            given, missing = ("train_file", "valid_file") if self.train_file else ("valid_file", "train_file")
            raise InputError(f"TaggedCorpusConfig: {given} without {missing}; expected both, or neither")
        if self.test_file and not self.train_file:
            raise InputError("TaggedCorpusConfig: test_file without train_file; expected train_file and valid_file too")


@dataclass(frozen=True)
class TaggedCorpus:
    """Tagged sentences in splits.

    Attributes:
      splits: ``train``, ``valid`` and, where there is one, ``test``.
      vocabulary: of the training sentences.
      settings: where all this comes from, as plain JSON values with checksums.
    """

    splits: dict[str, Tagged]
    vocabulary: Vocabulary
    settings: dict[str, Any]

    def unseen_tags(self, split: str) -> Counter[str]:
        """Return how often each tag that no training sentence has occurs in a split; a tagger cannot give them."""
        tags = (tag for sentence in self.splits[split].tags for tag in sentence)
        return Counter(tag for tag in tags if tag not in self.vocabulary.tags)


@cache
def load_tagged(config: TaggedCorpusConfig) -> TaggedCorpus:
    """Return the corpus of a configuration.

    Raises:
      InputError: as `lstm_gru.data.tagged.read_tagged`.

    Example:
      >>> corpus = load_tagged(TaggedCorpusConfig())  # doctest: +SKIP
    """
    if config.train_file:
        files = {split: getattr(config, f"{split}_file") for split in SPLITS}
        splits, name = {split: read_tagged(file) for split, file in files.items() if file}, "files"
    else:
        made = config.corpus in KINDS
        splits = {split: one_sided(config.corpus, split) if made else danish(split) for split in SPLITS}
        name = config.corpus
    settings = {"corpus": name, **{split: tagged.source for split, tagged in splits.items()}}
    vocabulary = learn_vocabulary(splits["train"])
    if config.most_scored:
        settings["most_scored"] = config.most_scored
        most = config.most_scored
        splits = {split: tagged if split == "train" else tagged.first(most) for split, tagged in splits.items()}
    return TaggedCorpus(splits, vocabulary, settings)
