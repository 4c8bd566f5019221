"""The classifier: what each summary of the states is, in NumPy, and what padding and empty sentences change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_tagger import VOCABULARY, WORDS_ONLY, batch_of
from tools import filled

from lstm_gru.errors import InputError
from lstm_gru.models.classifier import POOLINGS, ClassifierConfig, classifier
from lstm_gru.models.functional import functional
from lstm_gru.models.reader import Reader

SENTENCES = (("en", "hund", "hundehuse"), ("så",), (), ("en", "en", "så", "hund"))
NUMBERS = (VOCABULARY.word_numbers, VOCABULARY.character_numbers)


def summary(pooling, states, params):
    """Of one sentence's states ``[T, 2H]``, in float64."""
    if not len(states):
        return np.zeros(states.shape[1])
    if pooling == "last":
        half = states.shape[1] // 2
        return np.concatenate([states[-1, :half], states[0, half:]])
    if pooling in ("mean", "max"):
        return getattr(states, pooling)(axis=0)
    weights = {name: np.asarray(leaf, np.float64) for name, leaf in params["attention"]["weights"].items()}
    hidden = np.tanh(states @ weights["memory_kernel"] + weights["query_kernel"])
    exp = np.exp(hidden @ weights["score_kernel"])
    return exp / exp.sum() @ states


@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_are_those_of_the_equations_and_an_empty_sentence_has_gradients(pooling):
    config = ClassifierConfig(cell="gru", pooling=pooling, attention_features=3, **WORDS_ONLY)
    model = classifier(config, *NUMBERS, 2)
    params = jax.jit(model.init)(jax.random.key(0))
    params = jax.tree.map(jnp.add, params, filled(params, 1, scale=0.4))
    batch = batch_of(SENTENCES)
    run = jax.jit(lambda params: (model.apply(params, batch), jax.grad(lambda p: model.apply(p, batch).sum())(params)))
    scores, gradient = run(params)
    reader = functional(lambda rngs: Reader(config, *NUMBERS, rngs=rngs))
    states = np.asarray(reader.apply(params["reader"], batch).outputs, np.float64)
    for row, sentence in enumerate(SENTENCES):
        found = summary(pooling, states[row, : len(sentence)], params)
        expected = found @ np.asarray(params["out"]["kernel"]) + np.asarray(params["out"]["bias"])
        np.testing.assert_allclose(scores[row], expected, atol=1e-5)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_an_unknown_summary_is_refused():
    with pytest.raises(InputError, match="pooling = 'first'; expected one of last, mean, max, attention"):
        ClassifierConfig(pooling="first")
    with pytest.raises(InputError, match="features = 0"):
        ClassifierConfig(features=0)
