"""Tagging as a task: it learns what only both ends tell, and what is measured, kept, and refused."""

import json
from dataclasses import asdict, replace

import jax
import numpy as np
import pytest

from lstm_gru.config import TrainConfig
from lstm_gru.data.tagged_corpora import TaggedCorpusConfig, load_tagged
from lstm_gru.data.vocabulary import Vocabulary
from lstm_gru.errors import InputError
from lstm_gru.models.tagger import TaggerConfig
from lstm_gru.sentence_tagger import SentenceTagger
from lstm_gru.tasks.tagged_words import TaggedWord, accuracies, read_words, right_and_all, words_path, write_words
from lstm_gru.tasks.tagging import VOCABULARY_FILE, TaggingConfig, tagging
from lstm_gru.training.loop import fit

MODEL = TaggerConfig(cell="gru", features=16, word_features=8, character_features=0, word_dropout=0.0, noise=0.0)
TRAIN = TrainConfig(steps=150, learning_rate=0.03, evaluate_every=150, log_every=50)


def put(path, sentences):
    """Sentences of letters; the tag of a letter says whether both beside it are an a."""
    blocks = []
    for letters in sentences:
        around = zip(["-", *letters[:-1]], letters, [*letters[1:], "-"], strict=True)
        blocks.append(
            "".join(f"{letter}\t{'between' if one == two == 'a' else 'other'}\n" for one, letter, two in around)
        )
    path.write_text("\n".join(blocks))
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("tagged"), np.random.default_rng(0)
    draw = lambda count: [random.choice(list("ab"), random.integers(2, 9)).tolist() for _ in range(count)]  # noqa: E731
    files = {
        f"{split}_file": put(folder / split, draw(n)) for split, n in (("train", 200), ("valid", 20), ("test", 30))
    }
    return TaggedCorpusConfig(**files)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A configuration, its run's directory and what `fit` returned."""
    config, run = TaggingConfig(MODEL, data, TRAIN, tokens_per_batch=256), tmp_path_factory.mktemp("run")
    return config, run, fit(tagging(config, {}), config.train, run, plain=True)


def test_what_both_neighbours_tell_is_learned(trained):
    _, _, fitted = trained
    assert fitted.scores["test"]["accuracy"] == 100
    assert fitted.scores["selected_by"]["metric"] == "valid_accuracy"


def test_the_run_keeps_the_tags_of_the_test_sentences_and_the_vocabulary(trained):
    config, run, fitted = trained
    corpus, words = load_tagged(config.data), read_words(words_path(run, "test"))
    assert tuple(tuple(word.word for word in sentence) for sentence in words) == corpus.splits["test"].words
    assert tuple(tuple(word.tag for word in sentence) for sentence in words) == corpus.splits["test"].tags
    assert accuracies(words)["accuracy"] == pytest.approx(fitted.scores["test"]["accuracy"])
    kept = json.loads((run / VOCABULARY_FILE).read_text())
    assert Vocabulary(**{name: tuple(values) for name, values in kept.items()}) == corpus.vocabulary


def test_neither_company_nor_padding_changes_a_tag(trained):
    config, _, fitted = trained
    corpus = load_tagged(config.data)
    one = SentenceTagger(config.model, fitted.params, corpus.vocabulary)
    sentences = [*corpus.splits["test"].words, (), ("a", "never seen", "b"), ("a",) * 40]
    together = one.tag(sentences)
    assert [len(tags) for tags in together] == list(map(len, sentences))
    assert [one.tag([sentence])[0] for sentence in sentences] == together


def test_without_a_test_file_nothing_is_tested(data, tmp_path):
    task = tagging(TaggingConfig(MODEL, replace(data, test_file=""), TRAIN), {})
    params = task.init(jax.random.key(0))
    assert task.evaluate(params, "test") == {}
    assert set(task.evaluate(params, "valid")) == {"accuracy", "known", "unknown"}
    task.finish(params, tmp_path)
    assert not words_path(tmp_path, "test").exists()


def test_a_tag_that_training_lacks_is_reported_and_wrong(data, tmp_path):
    (tmp_path / "odd").write_text("a\tother\nc\tODD\nb\tODD\n")
    config = TaggingConfig(MODEL, replace(data, test_file=str(tmp_path / "odd")), TRAIN)
    task = tagging(config, {})
    assert task.settings["unseen_tags"] == {"valid": {}, "test": {"ODD": 2}}
    task.finish(task.init(jax.random.key(0)), tmp_path)
    assert [word.known for word in read_words(words_path(tmp_path, "test"))[0]] == [True, False, True]
    assert json.loads(json.dumps(task.settings))["vocabulary"] == load_tagged(config.data).vocabulary.sha256
    assert task.evaluate(task.init(jax.random.key(0)), "test")["accuracy"] <= 100 / 3 + 1e-9


def test_the_loss_is_that_of_the_words_and_not_of_the_padding(data):
    config = TaggingConfig(MODEL, data, TRAIN, tokens_per_batch=256)
    task = tagging(config, {})
    params, batch = task.init(jax.random.key(0)), task.batch(0)
    (total, weight), _ = jax.jit(task.loss)(params, batch, jax.random.key(1))
    assert weight == batch["lengths"].sum()
    valid = np.arange(batch["tags"].shape[1])[None] < batch["lengths"][:, None]
    other = {**batch, "tags": np.where(valid, batch["tags"], 1)}
    assert jax.jit(task.loss)(params, other, jax.random.key(1))[0][0] == total
    wrong = {**batch, "tags": np.where(valid, 1 - batch["tags"], 0)}
    assert abs(jax.jit(task.loss)(params, wrong, jax.random.key(1))[0][0] - total) > 1


def test_accuracies_by_hand_and_through_a_file(tmp_path):
    sentences = [
        [TaggedWord("a", "X", "X", True), TaggedWord("b", "Y", "X", True), TaggedWord("c d", "X", "X", False)],
        [TaggedWord("\u2028\r\u2029", "Y", "Y", True)],
    ]
    assert accuracies(sentences) == {"accuracy": 75.0, "known": pytest.approx(200 / 3), "unknown": 100.0}
    assert np.isnan(accuracies(sentences[1:])["unknown"])
    assert right_and_all(sentences).tolist() == [[2, 3], [1, 1]]
    write_words(words_path(tmp_path, "test"), sentences)
    assert read_words(words_path(tmp_path, "test")) == sentences


def test_only_the_first_sentences_are_scored_where_so_many_are_asked_for(data):
    whole, part = load_tagged(data), load_tagged(replace(data, most_scored=3))
    assert part.splits["train"] == whole.splits["train"]
    assert part.vocabulary == whole.vocabulary
    for split in ("valid", "test"):
        assert part.splits[split].words == whole.splits[split].words[:3]
        assert part.splits[split].tags == whole.splits[split].tags[:3]
    assert part.settings == {**whole.settings, "most_scored": 3}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(most_scored=-1), "most_scored = -1"),
        (dict(train_file=""), "TaggedCorpusConfig: valid_file without train_file; expected both, or neither"),
        (dict(valid_file=""), "TaggedCorpusConfig: train_file without valid_file; expected both, or neither"),
        (dict(train_file="", valid_file=""), "TaggedCorpusConfig: test_file without train_file"),
        (dict(corpus="finnish"), "corpus = 'finnish'; expected one of danish"),
    ],
)
def test_files_that_do_not_go_together_are_refused(data, change, words):
    with pytest.raises(InputError, match=words):
        TaggedCorpusConfig(**{**asdict(data), **change})


def test_one_can_look_inside_at_the_words_of_a_test_sentence(trained, data):
    config, _, fitted = trained
    found = tagging(config, {}).inside(fitted.params, 3)
    assert found.steps == load_tagged(data).splits["test"].words[3]
    assert all(values.shape[0] == len(found.steps) for values in found.gates.values())
    assert all(values.min() >= 0 and values.max() <= 1 for name, values in found.gates.items() if name[-1] in "ifo")
    with pytest.raises(InputError, match="number = 30; there are 30 test sentences, expected 0 to 29"):
        tagging(config, {}).inside(fitted.params, 30)
