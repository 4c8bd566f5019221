"""Trained models from the directories of finished runs, without the data they were trained on."""

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import jax

from lstm_gru.config import from_settings
from lstm_gru.data.subwords import Tokenizer
from lstm_gru.data.vocabulary import Vocabulary
from lstm_gru.errors import InputError
from lstm_gru.files import no_run_of, require_json
from lstm_gru.models.tagger import TaggerConfig, tagger
from lstm_gru.sentence_tagger import SentenceTagger
from lstm_gru.tasks.tagging import VOCABULARY_FILE
from lstm_gru.tasks.translation import ARCHITECTURES, TOKENIZER_FILE
from lstm_gru.training.loop import fitted
from lstm_gru.training.run_directory import finished_task
from lstm_gru.translator import SearchConfig, Translator, translation_model

RESTORE = "restore the file from a copy of the run"
TRANSLATION, TAGGING = "translation", "tagging"  # Tasks, by the name in a run's settings.


class _Settings(NamedTuple):
    """What a run's ``config.json`` says of its translator."""

    architecture: str
    model: dict[str, Any]
    search: dict[str, Any]
    tokenizer: str  # Its SHA-256.


def load_translator(run_dir: Path) -> Translator:
    """Return the translator of a finished run, with the parameters that were chosen on validation.

    Args:
      run_dir: the run's directory; nothing else is read.

    Raises:
      InputError: when it holds no finished translation run, or its tokenizer is damaged.
      RunError: when a checkpoint is damaged or belongs to another model.

    Example:
      >>> translator = load_translator(Path("runs/multi30k/gru/seed-0"))  # doctest: +SKIP
      >>> translator.translate(["Ein Hund schläft."], SearchConfig())[0][0].text  # doctest: +SKIP
      'A dog is sleeping.'
    """
    settings = _settings(run_dir)
    config = from_settings(ARCHITECTURES[settings.architecture], settings.model)
    tokenizer = _tokenizer(run_dir, settings.tokenizer)
    init = translation_model(config, tokenizer.vocabulary_size).init
    return Translator(config, fitted(run_dir, jax.eval_shape(init, jax.random.key(0))).params, tokenizer)


def load_tagger(run_dir: Path) -> SentenceTagger:
    """Return the tagger of a finished run, with the parameters that were chosen on validation.

    Args:
      run_dir: the run's directory; nothing else is read.

    Raises:
      InputError: when it holds no finished tagging run, or its vocabulary is damaged.
      RunError: when a checkpoint is damaged or belongs to another model.

    Example:
      >>> tagger = load_tagger(Path("runs/danish_tags/bilstm/seed-0"))  # doctest: +SKIP
      >>> tagger.tag([["En", "hund", "sover", "."]])  # doctest: +SKIP
      [['DET', 'NOUN', 'VERB', 'PUNCT']]
    """
    task = finished_task(run_dir, TAGGING)
    if not {"model", "vocabulary"} <= task.keys():
        raise no_run_of(run_dir, "config.json describes no tagger", TAGGING)
    kept = require_json(run_dir / VOCABULARY_FILE, TAGGING)
    vocabulary = _vocabulary(run_dir / VOCABULARY_FILE, kept, task["vocabulary"])
    config = from_settings(TaggerConfig, task["model"])
    init = tagger(config, *vocabulary.sizes).init
    return SentenceTagger(config, fitted(run_dir, jax.eval_shape(init, jax.random.key(0))).params, vocabulary)


def load_search(run_dir: Path) -> SearchConfig:
    """Return the search by which a finished translation run was tested.

    Args:
      run_dir: the run's directory.

    Raises:
      InputError: when it holds no finished translation run.
    """
    return from_settings(SearchConfig, _settings(run_dir).search)


def _settings(run_dir: Path) -> _Settings:
    task = finished_task(run_dir, TRANSLATION)
    try:
        settings = _Settings(task["architecture"], task["model"], task["search"], task["subwords"]["sha256"])
    except (KeyError, TypeError) as error:
        raise no_run_of(run_dir, "config.json describes no translation", TRANSLATION) from error
    if settings.architecture not in ARCHITECTURES:
        raise no_run_of(run_dir, f"config.json names no architecture of {', '.join(ARCHITECTURES)}", TRANSLATION)
    return settings


def _tokenizer(run_dir: Path, sha256: str) -> Tokenizer:
    path = run_dir / TOKENIZER_FILE
    if not path.exists():
        raise no_run_of(run_dir, f"no {TOKENIZER_FILE}", TRANSLATION)
    model = path.read_bytes()
    if hashlib.sha256(model).hexdigest() != sha256:
        raise InputError(f"{path}: damaged, its SHA-256 is not the one in config.json; {RESTORE}")
    return Tokenizer(model)


def _vocabulary(path: Path, kept: Any, sha256: str) -> Vocabulary:
    names = {field.name for field in fields(Vocabulary)}
    if isinstance(kept, dict) and kept.keys() == names and all(isinstance(entries, list) for entries in kept.values()):
        vocabulary = Vocabulary(**{name: tuple(entries) for name, entries in kept.items()})
        if vocabulary.sha256 == sha256:
            return vocabulary
    raise InputError(f"{path}: damaged, its SHA-256 is not the one in config.json; {RESTORE}")
