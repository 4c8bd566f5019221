"""Tagging the words of sentences, as a task for the common loop.

Words, characters and tags are those of the training sentences. The checkpoint is chosen by the accuracy on the
validation sentences; the test sentences are tagged once, at the end.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import tyro

from lstm_gru.config import TrainConfig, require
from lstm_gru.data.sentences import SentenceBatches, ordered_sentences
from lstm_gru.data.tagged_corpora import TaggedCorpusConfig, load_tagged
from lstm_gru.files import write_text
from lstm_gru.inside import look
from lstm_gru.models.tagger import TaggerConfig, tagger
from lstm_gru.sentence_tagger import SentenceTagger
from lstm_gru.task import Batch, Inside, Params, Split, Task, kept, numbered
from lstm_gru.tasks.tagged_words import TaggedWord, accuracies, compared, words_path, write_words

VOCABULARY_FILE = "vocabulary.json"


@dataclass(frozen=True)
class TaggingConfig:
    """Everything that a tagging run can change."""

    model: TaggerConfig = field(default_factory=TaggerConfig)
    data: Annotated[TaggedCorpusConfig, tyro.conf.arg(name="")] = field(default_factory=TaggedCorpusConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    tokens_per_batch: int = 512
    """Positions of a batch, padding included."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require(self, "tokens_per_batch", low=8)


def few_sentences(config: TaggingConfig) -> TaggingConfig:
    """Return the configuration of a run to try things out: few sentences to score."""
    return replace(config, data=replace(config.data, most_scored=2))


def tagging(config: TaggingConfig, settings: Mapping[str, Any]) -> Task:
    """Return the task of tagging a corpus.

    Args:
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.

    Raises:
      InputError: when a file cannot be read, or a sentence does not fit a batch.
    """
    corpus = load_tagged(config.data)
    vocabulary = corpus.vocabulary
    batches = batches_of(config)
    init, loss = _functions(config.model, *vocabulary.sizes)

    @kept
    def tagged(params: Params, split: str) -> list[list[TaggedWord]]:
        sentences = corpus.splits[split]
        found = SentenceTagger(config.model, params, vocabulary).tag(sentences.words)
        return compared(sentences, found, vocabulary)

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        return accuracies(tagged(params, split)) if split in corpus.splits else {}

    def finish(params: Params, run_dir: Path) -> None:
        write_text(run_dir / VOCABULARY_FILE, json.dumps(asdict(vocabulary), ensure_ascii=False) + "\n")
        if "test" in corpus.splits:
            write_words(words_path(run_dir, "test"), tagged(params, "test"))

    def inside(params: Params, number: int) -> Inside:
        words = numbered(corpus.splits["test"].words if "test" in corpus.splits else (), number, "test sentences")
        [chunk] = ordered_sentences([words], vocabulary, tokens_per_batch=8)
        record = tagger(config.model, *vocabulary.sizes).apply(params, chunk.batch, method="record")
        return look(f"sentence {number} of the test", words, record)

    return Task(
        init=init,
        batch=batches.batch,
        loss=loss,
        evaluate=evaluate,
        shared=("spellings", "spelling_lengths"),
        selects=("valid_accuracy", "max"),
        finish=finish,
        inside=inside,
        settings={
            **settings,
            "task": "tagging",
            "data": corpus.settings,
            "unseen_tags": {split: corpus.unseen_tags(split) for split in corpus.splits if split != "train"},
            "vocabulary": vocabulary.sha256,
            "model": asdict(config.model),
            "tokens_per_batch": config.tokens_per_batch,
        },
    )


def batches_of(config: TaggingConfig) -> SentenceBatches:
    """Return the training batches of a configuration.

    Raises:
      InputError: when a file cannot be read, or a sentence does not fit a batch.
    """
    corpus = load_tagged(config.data)
    options = {"tokens_per_batch": config.tokens_per_batch, "seed": config.train.seed}
    return SentenceBatches(corpus.splits["train"], corpus.vocabulary, **options)


@cache  # Runs of one configuration share these functions, and so what is compiled of them.
def _functions(config: TaggerConfig, words: int, characters: int, tags: int) -> tuple[Any, Any]:
    model = tagger(config, words, characters, tags)

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        log_p = model.apply(params, batch, batch["tags"], key, method="log_likelihood")
        return (-jnp.sum(log_p), jnp.sum(batch["lengths"]).astype(log_p.dtype)), {}

    return jax.jit(model.init), loss
