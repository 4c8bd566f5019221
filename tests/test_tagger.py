"""The tagger against its equations: characters in blocks, noise, directions, the chain; and what padding changes."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import assert_close, filled

from lstm_gru.cells import CELLS
from lstm_gru.crf import Transitions, log_likelihood, viterbi
from lstm_gru.data.sentences import sentence_batch
from lstm_gru.data.vocabulary import UNKNOWN, Vocabulary
from lstm_gru.errors import InputError
from lstm_gru.layers import bidirectional, recurrent
from lstm_gru.models import reader
from lstm_gru.models.characters import BLOCK, CHUNK, Characters
from lstm_gru.models.functional import functional
from lstm_gru.models.tagger import TaggerConfig, tagger

VOCABULARY = Vocabulary(("en", "hund", "så"), (9, 2, 1), tuple("dehnsuå"), ("A", "B", "C"))
SENTENCES = (("en", "hund", "hundehuse"), ("så",), ("en", "en", "så", "hund"))
SMALL = dict(features=4, word_features=3, character_embedding=3, character_features=2)
WORDS_ONLY = {**SMALL, "character_features": 0}  # Compiles several times as fast.
NUMBERS = (VOCABULARY.word_numbers, VOCABULARY.character_numbers, len(VOCABULARY.tags))


def made(config):
    model = tagger(config, *NUMBERS)
    params = jax.jit(model.init)(jax.random.key(0))
    apply = jax.jit(model.apply, static_argnames="method")
    return apply, jax.tree.map(jnp.add, params, filled(params, 1, scale=0.4))


def batch_of(sentences=SENTENCES, width=8, longest=16):
    return sentence_batch(sentences, VOCABULARY, width, longest)


@pytest.mark.parametrize(("rows", "longest"), [(BLOCK + 3, 3 * CHUNK), (5, CHUNK - 1)])
def test_words_in_blocks_are_the_ends_of_a_bidirectional_layer(rows, longest):
    """Lengths that end within, at the end of and before every piece, and words of no characters, in no order."""
    model = functional(lambda rngs: Characters("gru", 9, 3, 4, rngs=rngs))
    random = np.random.default_rng(0)
    spellings, lengths = random.integers(0, 9, (rows, longest)), random.integers(0, longest + 1, rows)
    lengths[:3] = 0, longest, min(CHUNK, longest)
    params = model.init(jax.random.key(0))
    params = jax.tree.map(jnp.add, params, filled(params, 2, scale=0.4))

    def by_blocks(params):
        return model.apply(params, spellings, lengths)

    def at_once(params):
        layer, xs = bidirectional(CELLS["gru"](4)), params["table"]["embedding"][spellings]
        both = (params["forward"]["weights"], params["backward"]["weights"])
        return layer.last(layer.apply(both, xs, lengths).carry)

    def with_gradient(words):
        return jax.jit(lambda params: (words(params), jax.grad(lambda p: jnp.sin(words(p)).sum())(params)))(params)

    assert_close(with_gradient(by_blocks), with_gradient(at_once), 1e-5)


@pytest.mark.parametrize("direction", ["forward", "backward", "bidirectional"])
def test_scores_are_those_of_the_equations(direction):
    both_ends = direction == "bidirectional"
    apply, params = made(TaggerConfig(cell="gru", direction=direction, **(SMALL if both_ends else WORDS_ONLY)))
    scores = apply(params, batch_of())
    cell = CELLS["gru"](4)
    layer = bidirectional(cell) if both_ends else recurrent(cell, reverse=direction == "backward")
    weights = params["reader"]["layers"]["weights"][0]
    weights = tuple(weights.values()) if both_ends else weights
    reader = bidirectional(CELLS["lstm"](2))

    def expected(sentence):
        features = []
        for word, number in zip(sentence, VOCABULARY.word_ids(sentence), strict=True):
            features.append(params["reader"]["words"]["embedding"][number])
            if both_ends:
                reading = params["reader"]["characters"]
                xs = reading["table"]["embedding"][np.array(VOCABULARY.spelling(word))][None]
                ends = (reading["forward"]["weights"], reading["backward"]["weights"])
                features[-1] = np.concatenate([features[-1], reader.last(reader.apply(ends, xs).carry)[0]])
        states = layer.apply(weights, jnp.array(features)[None]).outputs[0]
        return states @ params["out"]["kernel"] + params["out"]["bias"][None]

    for row, sentence in enumerate(SENTENCES):
        with jax.disable_jit():  # Each length would be compiled by itself.
            found = expected(sentence)
        np.testing.assert_allclose(scores[row, : len(sentence)], found, atol=2e-5)


def test_a_direction_sees_its_side_only():
    changed = batch_of((("så", *SENTENCES[0][1:]), *SENTENCES[1:]))
    for direction, seen in {"forward": [1, 1, 1], "backward": [1, 0, 0], "bidirectional": [1, 1, 1]}.items():
        apply, params = made(TaggerConfig(direction=direction, **WORDS_ONLY))
        difference = jnp.abs(apply(params, changed) - apply(params, batch_of()))[0, :3].max(axis=1)
        np.testing.assert_array_equal(difference > 1e-6, np.array(seen, bool))


def test_neither_the_batch_nor_its_padding_changes_a_sentence():
    apply, params = made(TaggerConfig(crf=True, **SMALL))
    together = apply(params, batch_of())
    for row, sentence in enumerate(SENTENCES):
        alone = apply(params, batch_of((sentence,), 4, 12))
        np.testing.assert_allclose(together[row, : len(sentence)], alone[0, : len(sentence)], atol=1e-5)
    tags = np.random.default_rng(0).integers(0, 3, (3, 8))
    valid = np.arange(8)[None] < np.array([3, 1, 4])[:, None]
    likelihoods = [apply(params, batch_of(), np.where(valid, tags, k), method="log_likelihood") for k in (0, 2)]
    chex.assert_trees_all_equal(*likelihoods)
    assert not apply(params, batch_of(), method="tags")[~valid].any()


def test_the_chain_is_on_top_of_the_scores():
    apply, params = made(TaggerConfig(crf=True, **SMALL))
    params["chain"] = {name: 5 * leaf for name, leaf in params["chain"].items()}
    batch, tags = batch_of(), np.random.default_rng(0).integers(0, 3, (3, 8))
    chain = Transitions(**params["chain"])
    expected = log_likelihood(chain, apply(params, batch), tags, batch["lengths"])
    np.testing.assert_allclose(apply(params, batch, tags, method="log_likelihood"), expected, atol=1e-5)
    best = viterbi(chain, apply(params, batch), batch["lengths"])[0]
    chex.assert_trees_all_equal(apply(params, batch, method="tags"), best)
    alone = apply(params, batch).argmax(axis=2) * (np.arange(8)[None] < batch["lengths"][:, None])
    assert not np.array_equal(best, alone)  # The chain has a say.
    gradient = jax.jit(jax.grad(lambda p: apply(p, batch, tags, method="log_likelihood").sum()))(params)
    assert all(jnp.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient))


def test_rare_words_are_read_as_unknown_more_often():
    apply, params = made(TaggerConfig(word_dropout=1.0, noise=0.0, **WORDS_ONLY))
    batch = batch_of((("en", "hund", "så"),), 3)
    plain = apply(params, batch)
    draws = 400
    keys = jax.random.split(jax.random.key(0), draws)
    noisy = jax.jit(jax.vmap(lambda key: apply(params, batch, key)))(keys)
    kept = (jnp.abs(noisy[:, 0] - plain[0][None]).max(axis=(1, 2)) < 1e-6).mean()
    expected = np.prod([count / (1 + count) for count in (9, 2, 1)])
    assert abs(kept - expected) < 4 * np.sqrt(expected * (1 - expected) / draws)


def test_the_unknown_word_has_one_number():
    assert reader.UNKNOWN == UNKNOWN


def test_noise_needs_a_key_and_changes_with_it():
    apply, params = made(TaggerConfig(word_dropout=0.0, noise=0.5, **WORDS_ONLY))
    batch = batch_of()
    one, two = (apply(params, batch, jax.random.key(seed)) for seed in (0, 1))
    assert not np.allclose(one, two)
    assert not np.allclose(one, apply(params, batch))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(cell="lstn"), "cell = 'lstn'"),
        (dict(direction="both"), "direction = 'both'; expected one of forward, backward, bidirectional"),
        (dict(features=0), "features = 0"),
        (dict(noise=-1), "noise = -1"),
        (dict(dropout=1.0), "dropout = 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        TaggerConfig(**change)
