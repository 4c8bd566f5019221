"""Translation as a task: it learns to the last word, and what is padding, measured, kept and refused."""

import json
from dataclasses import replace
from pathlib import Path

import chex
import jax
import numpy as np
import pytest
import tyro
from tools import assert_close, filled

from lstm_gru.config import TrainConfig, from_settings
from lstm_gru.data.corpora import CorpusConfig, load_corpus
from lstm_gru.data.grammar import GrammarConfig, grammar_corpus
from lstm_gru.data.subwords import BOS, EOS, Tokenizer
from lstm_gru.errors import InputError
from lstm_gru.models.seq2seq import Seq2SeqConfig
from lstm_gru.models.transformer import TransformerConfig
from lstm_gru.tasks import translation as module
from lstm_gru.tasks.translated import TranslatedPair, pairs_path, read_pairs, scores
from lstm_gru.tasks.translation import (
    ALIGNMENT_FILE,
    ARCHITECTURES,
    TOKENIZER_FILE,
    RecurrentTranslation,
    TextConfig,
    TransformerTranslation,
    draw_alignment,
    encoded,
    translation,
)
from lstm_gru.training.loop import fit
from lstm_gru.translator import SearchConfig, Translation, Translator, translation_model

PAIRS, CHARACTERS = 50, 28  # So short that one width is enough for all batches.
STEPS = 120
TEXT = TextConfig(vocabulary_size=700, tokens_per_batch=1024, shapes=1, max_length=32, label_smoothing=0.0)
TRAIN = TrainConfig(steps=STEPS, learning_rate=5e-3, schedule="constant", evaluate_every=STEPS, log_every=STEPS)
SEARCH = SearchConfig(beam=2)
RECURRENT = RecurrentTranslation(
    Seq2SeqConfig(embedding=48, encoder_features=32, features=64, dropout=0.0), text=TEXT, search=SEARCH, train=TRAIN
)
TRANSFORMER = TransformerTranslation(
    TransformerConfig(features=48, hidden=96, depth=1, heads=2, dropout=0.0), text=TEXT, search=SEARCH, train=TRAIN
)
SETTINGS = {"experiment": "test"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The same few short pairs to train on, to validate and to test."""
    folder, pairs = tmp_path_factory.mktemp("corpus"), grammar_corpus(GrammarConfig(train=2500))["train"].pairs
    short = [pair for pair in zip(*pairs, strict=True) if max(map(len, pair)) <= CHARACTERS][:PAIRS]
    assert len(short) == PAIRS
    paths = [folder / "pairs.de", folder / "pairs.en"]
    for path, side in zip(paths, zip(*short, strict=True), strict=True):
        path.write_text("".join(f"{sentence}\n" for sentence in side), encoding="utf-8")
    src, trg = map(str, paths)
    return CorpusConfig(src=src, trg=trg, valid_src=src, valid_trg=trg, test_src=src, test_trg=trg)


@pytest.fixture(scope="module", params=[RECURRENT, TRANSFORMER], ids=list(ARCHITECTURES))
def trained(request, corpus, tmp_path_factory):
    """A task, its configuration, its run's directory and what `fit` returned."""
    config, run = replace(request.param, data=corpus), tmp_path_factory.mktemp("run")
    task = translation(config, SETTINGS)
    return task, config, run, fit(task, config.train, run, plain=True)


@pytest.fixture(scope="module")
def task(corpus):
    return translation(replace(RECURRENT, data=corpus), SETTINGS)


@pytest.fixture(scope="module")
def params(task):
    return filled(jax.eval_shape(task.init, jax.random.key(0)), seed=0, scale=0.3)


def shouted(searched):
    """In place of searches: every sentence in capitals; the list collects what was searched for."""

    def translate(self, sentences, search, n_best=1):
        searched.append((len(sentences), search.beam))
        return [[Translation(sentence.upper(), -float(search.beam))] for sentence in sentences]

    return translate


def test_fifty_pairs_are_learned_to_the_last_word(trained):
    task, _, run, fitted = trained
    test = fitted.scores["test"]
    for name in ("bleu", "bleu_cased", "bleu_greedy", "chrf", "exact"):
        assert test[name] == pytest.approx(100), name
    assert 1 <= test["perplexity"] < 1.2
    assert fitted.scores["selected_by"] == {"metric": "valid_bleu", "direction": "max", "value": pytest.approx(100)}
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {line["nats"] for line in logged if "nats" in line} == {line["loss"] for line in logged if "loss" in line}
    assert logged[-1]["valid_perplexity"] == pytest.approx(test["perplexity"])  # The same pairs.
    assert task.evaluate(fitted.params, "valid").keys() == {"perplexity", "bleu"}


def test_what_a_run_keeps_is_what_was_scored(trained):
    _, config, run, fitted = trained
    pairs, test = read_pairs(pairs_path(run, "test")), load_corpus(config.data).splits["test"]
    assert [(pair.src, pair.reference) for pair in pairs] == list(zip(test.src, test.trg, strict=True))
    assert scores(pairs) == fitted.scores["test"]
    assert all(pair.labels == () and pair.score < 0 < pair.nats for pair in pairs)
    assert (run / ALIGNMENT_FILE).read_bytes().startswith(b"\x89PNG")


def test_what_a_run_keeps_is_enough_to_translate(trained):
    _, config, run, fitted = trained
    tokenizer = Tokenizer((run / TOKENIZER_FILE).read_bytes())
    settings = json.loads((run / "config.json").read_text())["task"]
    model = from_settings(ARCHITECTURES[settings["architecture"]], settings["model"])
    assert model == config.model
    pairs = read_pairs(pairs_path(run, "test"))
    found = Translator(model, fitted.params, tokenizer).translate([pair.src for pair in pairs], config.search)
    assert [best.text for [best] in found] == [pair.beam for pair in pairs]
    np.testing.assert_allclose([best.score for [best] in found], [pair.score for pair in pairs], rtol=1e-6)


def test_perplexity_is_that_of_the_logits_pair_by_pair(trained):
    """With the model called for one pair at a time, without padding."""
    _, config, run, fitted = trained
    data, pairs = encoded(config.data, config.text), read_pairs(pairs_path(run, "test"))
    call = jax.jit(translation_model(config.model, data.tokenizer.vocabulary_size).apply)
    one_length = len(data.ids["test"][0][0]), len(data.ids["test"][1][0])
    alike = [n for n, ids in enumerate(zip(*data.ids["test"], strict=True)) if tuple(map(len, ids)) == one_length]
    for n in alike:
        src, trg = (np.array([side[n]]) for side in data.ids["test"])
        trg_in, trg_out = np.append([[BOS]], trg, axis=1), np.append(trg, [[EOS]], axis=1)
        logits = call(fitted.params, src, np.array([src.size]), trg_in, np.array([trg_in.size]))
        logits = np.asarray(logits, np.float64)
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        nats = -sum(log_p[0, place, token] for place, token in enumerate(trg_out[0]))
        np.testing.assert_allclose(pairs[n].nats, nats, rtol=1e-3, atol=1e-5)
        assert pairs[n].subwords == trg_out.size
    total = np.array([(pair.nats, pair.subwords) for pair in pairs]).sum(axis=0)
    assert fitted.scores["test"]["perplexity"] == pytest.approx(np.exp(total[0] / total[1]))


def with_padding(batch, rows, columns):
    """The batch with more padding on every side."""
    return {
        name: np.pad(array, [(0, rows), (0, columns)] if array.ndim == 2 else [(0, rows)])
        for name, array in batch.items()
    }


@pytest.fixture(scope="module")
def value_and_gradient(task):
    """Of the mean loss of a batch, with all sums and weights."""

    def loss(params, batch):
        (total, weight), metrics = task.loss(params, batch, jax.random.key(0))
        return total / weight, (weight, metrics["nats"])

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def test_what_stands_in_the_padding_changes_neither_loss_nor_gradient(task, params, value_and_gradient):
    batch = task.batch(0)
    padding = {
        side: np.arange(batch[side].shape[1]) >= batch[f"{side[:3]}_lengths"][:, None]
        for side in batch
        if batch[side].ndim == 2
    }
    assert any(places[batch["trg_lengths"] > 0].any() for places in padding.values())
    random = np.random.default_rng(0)
    other = {
        name: np.where(padding[name], random.integers(4, 700, array.shape), array) if name in padding else array
        for name, array in batch.items()
    }
    expected = value_and_gradient(params, batch)
    chex.assert_trees_all_close(value_and_gradient(params, other), expected, rtol=1e-6, atol=1e-7)


def test_the_loss_of_a_batch_does_not_depend_on_its_padding(task, params, value_and_gradient):
    batch = task.batch(0)
    expected = value_and_gradient(params, batch)
    assert_close(value_and_gradient(params, with_padding(batch, rows=3, columns=5)), expected, 1e-5)
    (_, (weight, (_, nats_weight))), _ = expected
    assert weight == nats_weight == batch["trg_lengths"].sum()


def test_smoothing_is_of_the_loss_and_not_of_the_nats(corpus, task, params):
    smooth = translation(replace(RECURRENT, data=corpus, text=replace(TEXT, label_smoothing=0.3)), SETTINGS)
    batch, key = task.batch(0), jax.random.key(0)
    (plain, _), metrics = jax.jit(task.loss)(params, batch, key)
    (smoothed, _), smooth_metrics = jax.jit(smooth.loss)(params, batch, key)
    np.testing.assert_allclose(smooth_metrics["nats"], metrics["nats"], rtol=1e-6)
    np.testing.assert_allclose(plain, metrics["nats"][0], rtol=1e-6)
    assert abs(smoothed - plain) > 1e-5 * plain  # Ten times what rounding makes of it.


def test_equal_models_share_one_loss_and_other_ones_have_their_own(corpus, task):
    config = replace(RECURRENT, data=corpus)
    same = translation(replace(config, train=replace(TRAIN, seed=3, steps=9), search=SearchConfig(beam=4)), {})
    assert same.loss is task.loss
    assert same.init is task.init
    for change in (
        {"model": replace(RECURRENT.model, features=65)},
        {"text": replace(TEXT, label_smoothing=0.1)},
        {"text": replace(TEXT, vocabulary_size=690)},
    ):
        assert translation(replace(config, **change), {}).loss is not task.loss


def test_a_batch_is_a_pure_function_of_seed_and_step(corpus, task):
    several = replace(RECURRENT, data=corpus, text=replace(TEXT, tokens_per_batch=200, shapes=3))
    one, again = translation(several, {}), translation(several, {})
    other = translation(replace(several, train=replace(TRAIN, seed=1)), {})
    first = one.batch(3)
    one.batch(30)
    chex.assert_trees_all_equal(one.batch(3), first, again.batch(3))
    assert any(not np.array_equal(other.batch(step)["src"], one.batch(step)["src"]) for step in range(3))
    assert len({one.batch(step)["src"].shape for step in range(30)}) > 1


def test_settings_name_data_subwords_and_configuration(corpus, task):
    data, settings = encoded(corpus, TEXT), task.settings
    assert settings["data"]["train"]["src"]["sha256"] == load_corpus(corpus).splits["train"].source["src"]["sha256"]
    assert settings["subwords"] == data.tokenizer.settings
    assert settings["subwords"]["sha256"] == data.tokenizer.sha256
    assert (settings["task"], settings["architecture"], settings["experiment"]) == ("translation", "recurrent", "test")
    assert settings["model"]["features"] == 64
    assert settings["text"]["tokens_per_batch"] == 1024
    assert settings["search"] == {"beam": 2, "length_penalty": 1.0}
    assert json.loads(json.dumps(settings)) == settings
    assert corpus.src not in json.dumps(settings)  # Runs agree wherever the files lie.
    assert translation(replace(TRANSFORMER, data=corpus), {}).settings["architecture"] == "transformer"


def test_subwords_are_learned_from_the_training_pairs_only(corpus, tmp_path):
    other = tmp_path / "other.tsv"
    other.write_text("xyz xyz\tqqq qqq\n" * 30)
    given = CorpusConfig(src=corpus.src, trg=corpus.trg, valid_tsv=str(other), test_tsv=str(other))
    assert encoded(given, TEXT).tokenizer == encoded(corpus, TEXT).tokenizer


def test_the_same_parameters_are_searched_once(task, params, tmp_path, monkeypatch):
    searched = []
    monkeypatch.setattr(Translator, "translate", shouted(searched))
    first = task.evaluate(params, "test")
    assert searched == [(PAIRS, SEARCH.beam), (PAIRS, 1)] or searched == [(PAIRS, 1), (PAIRS, SEARCH.beam)]
    task.finish(params, tmp_path)
    assert len(searched) == 2
    others = jax.tree.map(lambda leaf: 1.5 * leaf, params)
    assert task.evaluate(others, "test")["perplexity"] != first["perplexity"]
    assert len(searched) == 4
    assert read_pairs(pairs_path(tmp_path, "test"))[0].score == -SEARCH.beam


def test_every_further_split_is_translated_with_its_labels(corpus, params, tmp_path, monkeypatch):
    whole = load_corpus(corpus)
    labels = {"wide": tuple(("far", "modal") if n % 2 else () for n in range(PAIRS))}
    more = replace(whole, splits={**whole.splits, "wide": whole.splits["test"]}, labels=labels)
    monkeypatch.setattr(module, "load_corpus", lambda config: more)
    monkeypatch.setattr(Translator, "translate", shouted([]))
    task = translation(replace(RECURRENT, data=replace(corpus, held_out=7)), SETTINGS)  # Not read before.
    task.finish(params, tmp_path)
    for split, expected in (("test", [()] * PAIRS), ("wide", list(labels["wide"]))):
        pairs = read_pairs(pairs_path(tmp_path, split))
        assert [pair.labels for pair in pairs] == expected
        assert [pair.src for pair in pairs] == list(whole.splits["test"].src)
        assert pairs[0].beam == pairs[0].greedy == pairs[0].src.upper()


def test_a_model_without_attention_has_no_picture(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Translator, "translate", shouted([]))
    task = translation(replace(RECURRENT, data=corpus, model=replace(RECURRENT.model, attention="none")), {})
    task.finish(filled(jax.eval_shape(task.init, jax.random.key(0)), seed=0, scale=0.3), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"translations-test.jsonl", TOKENIZER_FILE}


@pytest.mark.parametrize(("words", "chosen"), [([3, 30, 9, 10], 2), ([15, 14], 1), ([8, 15], 0)])
def test_the_picture_is_of_the_first_sentence_that_is_long_and_short_enough(words, chosen, monkeypatch):
    pairs = [TranslatedPair(" ".join(["w"] * n), "", f"beam {n}", 0.0, "", 0.0, 1, ()) for n in words]
    drawn = {}
    monkeypatch.setattr(module, "alignment", lambda path, **arguments: drawn.update(arguments, path=path))

    class Aligning:
        def alignment(self, sentence, translation):
            return np.zeros((1, 1)), [sentence], [translation]

    draw_alignment(Path("a.png"), Aligning(), pairs)
    assert (drawn["path"], drawn["src"], drawn["trg"]) == (Path("a.png"), [pairs[chosen].src], [pairs[chosen].beam])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary_size": 8000}, r"^vocabulary_size = 8000 is too large for 100 sentences; expected at most \d+$"),
        ({"vocabulary_size": 100}, r"^vocabulary_size = 100 is too small for \d+ different characters; expected at"),
        ({"max_length": 2}, r"^max_length = 2: no pair of 50 is that short; expected more$"),
    ],
)
def test_a_corpus_and_subwords_that_do_not_fit_are_named(corpus, change, message):
    with pytest.raises(InputError, match=message):
        translation(replace(RECURRENT, data=corpus, text=replace(TEXT, **change)), {})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *(({name: 0}, f"{name} = 0; expected a number at least 1") for name in ("vocabulary_size", "shapes")),
        ({"max_length": 0}, "max_length = 0; expected a number at least 1"),
        ({"tokens_per_batch": 63}, "tokens_per_batch = 63; expected a number at least 64"),
        ({"label_smoothing": 1.0}, "label_smoothing = 1.0; expected a number at least 0 and below 1"),
    ],
)
def test_text_settings_out_of_range_are_named(fields, message):
    with pytest.raises(InputError, match=f"^TextConfig: {message}$"):
        TextConfig(**fields)


@pytest.mark.parametrize("kind", [RecurrentTranslation, TransformerTranslation])
def test_options_of_the_corpus_have_no_prefix_on_the_command_line(kind):
    corpus = ["--src", "a", "--trg", "b", "--held-out", "7"]
    config = tyro.cli(kind, args=[*corpus, "--text.max-length", "32", "--search.beam", "3", "--model.features", "48"])
    assert config.data == CorpusConfig(src="a", trg="b", held_out=7)
    assert (config.text.max_length, config.search.beam, config.model.features) == (32, 3, 48)


def test_one_can_look_inside_an_encoder_at_the_subwords_of_a_test_sentence(trained):
    _, config, _, fitted = trained
    task = translation(config, {})
    if isinstance(config.model, TransformerConfig):
        assert task.inside is None
        return
    found = task.inside(fitted.params, 2)
    data = encoded(config.data, config.text)
    assert found.steps == tuple(data.tokenizer.pieces(data.ids["test"][0][2]))
    assert all(values.shape[0] == len(found.steps) for values in found.gates.values())
    with pytest.raises(InputError, match="number = -1; there are"):
        task.inside(fitted.params, -1)
