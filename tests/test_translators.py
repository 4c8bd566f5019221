"""The encoder-decoders: what every one of them promises, and the recurrent one against its equations in NumPy."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import filled

from lstm_gru import layers
from lstm_gru.dropout import drop
from lstm_gru.errors import InputError
from lstm_gru.models.seq2seq import Seq2SeqConfig, seq2seq
from lstm_gru.models.transformer import TransformerConfig, positions, transformer

V, B, S, T = 11, 3, 5, 4
SMALL = dict(embedding=6, encoder_features=4, features=5)
RECURRENT = {
    "none": Seq2SeqConfig(cell="lstm", attention="none", bidirectional=False, depth=2, **SMALL),
    "multiplicative": Seq2SeqConfig(cell="gru", **SMALL),
    "additive": Seq2SeqConfig(cell="gru", attention="additive", **SMALL),
    "input feeding": Seq2SeqConfig(cell="lstm", input_feeding=True, **SMALL),
}
MODELS = {name: seq2seq(config, V) for name, config in RECURRENT.items()}
MODELS["transformer"] = transformer(TransformerConfig(features=8, hidden=12, depth=2, heads=2), V)
# Compiled: one by one, the operations of a model take several times as long to compile.
APPLY = {name: jax.jit(model.apply, static_argnames=("method", "max_length")) for name, model in MODELS.items()}
each = pytest.mark.parametrize("name", MODELS)


def made(name, seed=0):
    """A model's compiled functions, and parameters that are all different from what they start from."""
    params = jax.jit(MODELS[name].init)(jax.random.key(seed))
    return APPLY[name], jax.tree.map(jnp.add, params, filled(params, seed, scale=0.4))


def pairs(seed=0):
    random = np.random.default_rng(seed)
    src, trg = random.integers(4, V, (B, S)), random.integers(4, V, (B, T))
    return jnp.array(src), jnp.array([5, 2, 3]), jnp.array(trg), jnp.array([4, 3, 1])


@each
def test_padding_of_either_side_changes_nothing(name):
    apply, params = made(name)
    src, src_lengths, trg, trg_lengths = pairs()
    logits = apply(params, src, src_lengths, trg, trg_lengths)
    other_src = jnp.where(jnp.arange(S)[None] < src_lengths[:, None], src, 7)
    other_trg = jnp.where(jnp.arange(T)[None] < trg_lengths[:, None], trg, 8)
    changed = apply(params, other_src, src_lengths, other_trg, trg_lengths)
    for row, length in enumerate(trg_lengths):
        np.testing.assert_allclose(changed[row, :length], logits[row, :length], atol=2e-5)


@each
def test_a_token_changes_only_what_follows_it(name):
    apply, params = made(name)
    src, src_lengths, trg, _ = pairs()
    full = jnp.full(B, T)
    logits = apply(params, src, src_lengths, trg, full)
    changed = apply(params, src, src_lengths, trg.at[:, 2].set(9 + (trg[:, 2] == 9)), full)
    np.testing.assert_allclose(changed[:, :2], logits[:, :2], atol=1e-6)
    assert (jnp.abs(changed[:, 2:] - logits[:, 2:]).max(axis=-1) > 1e-4).all()


@each
def test_every_source_token_has_a_say(name):
    apply, params = made(name)
    src, _, trg, _ = pairs()
    logits = apply(params, src, jnp.full(B, S), trg, jnp.full(B, T))
    for place in range(S):
        changed = apply(params, src.at[:, place].set(9 + (src[:, place] == 9)), jnp.full(B, S), trg, jnp.full(B, T))
        assert (jnp.abs(changed - logits).max(axis=(1, 2)) > 1e-4).all()


@each
def test_step_by_step_is_all_at_once(name):
    """For K hypotheses of different tokens each: what incremental decoding computes is what training computes."""
    apply, params = made(name)
    src, src_lengths, _, _ = pairs()
    hypotheses = 2
    trg = jnp.array(np.random.default_rng(1).integers(4, V, (B, hypotheses, T)))
    memory, carry = apply(params, src, src_lengths, max_length=T, method="start")
    carry = jax.tree.map(lambda leaf: jnp.repeat(leaf[:, None], hypotheses, axis=1), carry)
    got = []
    for t in range(T):
        log_probs, carry = apply(params, memory, carry, trg[:, :, t], method="step")
        got.append(log_probs)
    for k in range(hypotheses):
        logits = apply(params, src, src_lengths, trg[:, k], jnp.full(B, T))
        expected = jax.nn.log_softmax(logits)
        np.testing.assert_allclose(jnp.stack(got, axis=2)[:, k], expected, atol=2e-5)


@each
def test_an_empty_source_and_an_empty_target_have_finite_gradients(name):
    apply, params = made(name)
    src, _, trg, _ = pairs()
    lengths = jnp.array([0, 2, 0])

    def loss(params):
        logits = apply(params, src, lengths, trg, lengths, jax.random.key(0))
        valid = jnp.arange(T)[None] < lengths[:, None]
        return jnp.sum(jnp.where(valid[..., None], jax.nn.log_softmax(logits), 0))

    gradient = jax.jit(jax.grad(loss))(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("name", ["multiplicative", "transformer"])
def test_noise_needs_a_key_and_changes_with_it(name):
    apply, params = made(name)
    plain = apply(params, *pairs())
    chex.assert_trees_all_equal(apply(params, *pairs()), plain)
    one, two = (apply(params, *pairs(), jax.random.key(seed)) for seed in (0, 1))
    assert not np.allclose(one, two)
    assert not np.allclose(one, plain)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "none"])
def test_alignments_are_distributions_over_the_source(name):
    apply, params = made(name)
    src, src_lengths, trg, trg_lengths = pairs()
    weights = apply(params, src, src_lengths, trg, trg_lengths, method="alignment")
    assert weights.shape == (B, T, S)
    for row, (places, length) in enumerate(zip(src_lengths, trg_lengths, strict=True)):
        np.testing.assert_allclose(weights[row, :length].sum(axis=-1), 1, atol=1e-5)
        assert not weights[row, :length, places:].any()
    other = apply(params, src.at[:, 0].set(9), src_lengths, trg, trg_lengths, method="alignment")
    assert not np.allclose(other, weights)


def attended(weights, name, memory, query, state):
    """s̃ of one sentence and step, by the equations, in float64."""
    attention = {part: np.asarray(leaf, np.float64) for part, leaf in weights["attention"]["weights"].items()}
    if name == "additive":
        hidden = np.tanh(query @ attention["query_kernel"] + memory @ attention["memory_kernel"])
        scores = hidden @ attention["score_kernel"]
    else:
        scores = memory @ attention["kernel"] @ query
    exp = np.exp(scores - scores.max())
    context = exp / exp.sum() @ memory
    return context, np.concatenate([context, state]) @ np.asarray(weights["combine"]["kernel"], np.float64)


@pytest.mark.parametrize("name", ["multiplicative", "additive", "input feeding"])
def test_attention_is_where_the_papers_have_it(name):
    """One step after the other, each from the layers' own step, with the attention written out."""
    apply, params = made(name)
    config, src = RECURRENT[name], pairs()[0][:1]
    from lstm_gru.cells import CELLS
    from lstm_gru.layers import bidirectional, recurrent

    cell = CELLS[config.cell]
    table = np.asarray(params["embedding"]["table"]["embedding"], np.float64)
    encoder = bidirectional(cell(config.encoder_features))
    encoded = encoder.apply(
        tuple(params["encoder"]["weights"][0].values()), jnp.array(table[src] * 6**0.5, jnp.float32)
    )
    memory, summary = np.asarray(encoded.outputs[0], np.float64), np.asarray(encoder.last(encoded.carry))
    decoder = recurrent(cell(config.features))
    decoder_params = params["decoder"]["weights"][0]
    carry = decoder.initial_carry(decoder_params, 1)
    start = [
        jnp.tanh(summary @ params["bridge"][k]["kernel"] + params["bridge"][k]["bias"][None])
        for k in range(len(jax.tree.leaves(carry)))
    ]
    carry = jax.tree.unflatten(jax.tree.structure(carry), start)
    tokens, fed, expected = [5, 9, 4], np.zeros(6), []
    for token in tokens:
        x = table[token] * 6**0.5
        if name == "additive":
            query = np.asarray(decoder.last(carry)[0], np.float64)
            context, _ = attended(params, name, memory, query, np.zeros(5))
            x = np.concatenate([x, context])
        if name == "input feeding":
            x = np.concatenate([x, fed])
        carry, state = decoder.step(decoder_params, carry, jnp.array(x[None], jnp.float32))
        state = np.asarray(state[0], np.float64)
        _, fed = attended(params, name, memory, query if name == "additive" else state, state)
        expected.append(table @ fed + np.asarray(params["embedding"]["bias"]))
    got = apply(params, src, jnp.array([S]), jnp.array([tokens]), jnp.array([3]))
    np.testing.assert_allclose(got[0], np.stack(expected), atol=2e-5)


def test_parameters_are_those_of_the_equations():
    params = jax.eval_shape(seq2seq(Seq2SeqConfig(cell="lstm", **SMALL), V).init, jax.random.key(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    lstm = lambda inputs, features: 4 * features * (inputs + features + 1)  # noqa: E731
    assert count == 11 * 6 + 11 + 2 * lstm(6, 4) + lstm(6, 5) + 2 * (8 * 5 + 5) + 8 * 5 + (8 + 5) * 6


def test_positions_are_sinusoids():
    got = positions(7, 6)
    for p in range(7):
        for i in range(3):
            angle = p / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(got[p, [i, 3 + i]], [np.sin(angle), np.cos(angle)], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(attention="none", input_feeding=True), "input_feeding with attention = 'none'"),
        (dict(attention="additive", state_dropout=0.1), "state_dropout = 0.1 with attention inside the recurrence"),
        (dict(attention="dot"), "attention = 'dot'; expected one of none, multiplicative, additive"),
        (dict(cell="lstn"), "cell = 'lstn'"),
        (dict(dropout=1.0), "dropout = 1.0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        Seq2SeqConfig(**change)
    with pytest.raises(InputError, match=r"features = 20; expected a multiple of 2 · heads"):
        TransformerConfig(features=20, heads=8)


@pytest.mark.parametrize("name", ["none", "multiplicative", "additive", "input feeding"])
def test_dropout_is_between_the_layers_of_the_decoder_too(name, monkeypatch):
    dropped = []

    def spied(key, xs, rate):
        dropped.append((key is not None, xs.shape[-1], rate))
        return drop(key, xs, rate)

    monkeypatch.setattr(layers, "drop", spied)
    model = seq2seq(replace(RECURRENT[name], depth=2, dropout=0.25), V + 1)  # Another V: nothing is compiled of it yet.
    params = jax.eval_shape(model.init, jax.random.key(0))
    for key in (jax.random.key(0), None):
        dropped.clear()
        jax.eval_shape(model.apply, params, *pairs(), key)
        assert {(key is not None, RECURRENT[name].features, 0.25)} <= set(dropped)
        assert len({noisy for noisy, *_ in dropped}) == 1
