"""The forecaster: its equations again in NumPy around the encoder, skips, decoder, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import assert_close, filled, scalar

from lstm_gru.cells import CELLS
from lstm_gru.errors import InputError
from lstm_gru.graph import Graph
from lstm_gru.layers import bidirectional, recurrent, stack
from lstm_gru.models.forecaster import ForecasterConfig, Widths, forecaster, last_observed

B, C, L, H, S, G = 2, 3, 5, 4, 2, 3
WIDTHS = Widths(L, H, S, G)
RANDOM = np.random.default_rng(0)
MISSING = (RANDOM.uniform(size=(B, C, L)) < 0.3).astype(float)
MISSING[0, 0] = 1
VALUES = np.where(MISSING, 0, RANDOM.normal(size=(B, C, L)))
CONTEXT, KNOWN = RANDOM.normal(size=(B, L, S)), RANDOM.normal(size=(B, H, G))
INPUTS = (VALUES, MISSING, CONTEXT, KNOWN)

pytestmark = pytest.mark.usefixtures("x64")


def made(graph=None, **settings):
    config = ForecasterConfig(**{"features": 3, "head_features": 6, "dropout": 0.0, **settings})
    model = forecaster(config, WIDTHS, graph)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float64), shapes)
    return model, jax.tree.map(np.asarray, filled(shapes, seed=1))


def linear(params, x):
    return np.asarray(x) @ params["kernel"] + params["bias"]


def skipped(params, kind):
    last = np.zeros((B, C))
    for b, c in np.ndindex(B, C):
        seen = np.flatnonzero(MISSING[b, c] == 0)
        last[b, c] = VALUES[b, c, seen[-1]] if len(seen) else 0
    if kind == "none":
        return np.zeros((B, C, H)), last
    if kind == "last":
        return np.repeat(last[..., None], H, axis=-1), last
    lags = np.concatenate([VALUES, MISSING], axis=-1) @ params["lags"]
    return lags + (KNOWN @ params["season"])[:, None], last


def bounded(skip, residual):
    if residual.shape[-1] == 1:
        return skip[..., None] + residual
    centre, below, above = np.moveaxis(residual, -1, 0)
    soft = lambda x: np.log1p(np.exp(x))  # noqa: E731
    return np.stack([skip + centre - soft(below), skip + centre, skip + centre + soft(above)], axis=-1)


def as_tuples(tree):
    """A layer's parameters as it made them: where they are stored, a tuple is a dict of its places."""
    if not isinstance(tree, dict):
        return tree
    parts = {name: as_tuples(part) for name, part in tree.items()}
    return tuple(parts[k] for k in range(len(parts))) if 0 in parts else parts


def summary(params, layer):
    shared = np.repeat(CONTEXT[:, None], C, axis=1)
    xs = np.concatenate([VALUES[..., None], MISSING[..., None], shared], axis=-1).reshape(B * C, L, 2 + S)
    return np.asarray(layer.last(layer.apply(as_tuples(params["encoder"]["weights"]), xs).carry)).reshape(B, C, -1)


@pytest.mark.parametrize("interval", [True, False])
@pytest.mark.parametrize("skip", ["none", "last", "linear"])
def test_the_direct_head_is_its_equation(skip, interval):
    model, params = made(cell="rnn", skip=skip, interval=interval)
    state = summary(params, stack(recurrent(CELLS["rnn"](3))))
    about = (KNOWN @ params["from_known"]["kernel"])[:, None] + params["ahead"]
    hidden = jax.nn.gelu(linear(params["from_state"], state)[:, :, None] + about)
    expected = bounded(skipped(params, skip)[0], np.asarray(linear(params["out"], hidden)))
    assert_close(model.apply(params, *INPUTS, None), jnp.asarray(expected), 1e-12)


def test_the_linear_head_reads_the_last_state_of_both_directions():
    model, params = made(cell="gru", head_features=0, skip="none", bidirectional=True, depth=2)
    cell = CELLS["gru"](3)
    state = summary(params, stack(bidirectional(cell), bidirectional(cell)))
    residual = np.asarray(linear(params["out"], state)).reshape(B, C, H, 3)
    assert_close(model.apply(params, *INPUTS, None), jnp.asarray(bounded(np.zeros((B, C, H)), residual)), 1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("skip", ["none", "linear"])
def test_the_decoder_is_fed_with_its_own_forecasts(cell, skip):
    model, params = made(cell=cell, head="decoder", skip=skip)
    layer = recurrent(CELLS[cell](3))
    state = summary(params, stack(layer)).reshape(B * C, -1)
    starts = [np.tanh(linear(params["bridge"][k], state)) for k in sorted(params["bridge"])]
    carry = jax.tree.unflatten(jax.tree.structure(layer.initial_carry(params["decoder"]["weights"], 1)), starts)
    simple, before = skipped(params, skip)
    for h in range(H):
        x = np.concatenate([before.reshape(-1, 1), np.repeat(KNOWN[:, h], C, axis=0)], axis=-1)
        carry, hidden = layer.step(params["decoder"]["weights"], carry, jnp.asarray(x))
        expected = bounded(simple[:, :, h], np.asarray(linear(params["out"], hidden)).reshape(B, C, 3))
        np.testing.assert_allclose(model.apply(params, *INPUTS, None)[:, :, h], expected, atol=1e-12)
        before = expected[..., 1]


@pytest.mark.parametrize("head", ["direct", "decoder"])
def test_training_starts_from_the_last_value(head):
    model = forecaster(ForecasterConfig(head=head), WIDTHS)
    forecast = model.apply(model.init(jax.random.key(0)), VALUES, 0 * MISSING, CONTEXT, KNOWN, None)
    np.testing.assert_allclose(forecast[..., 1], np.repeat(VALUES[..., -1:], H, axis=-1), atol=1e-6)
    np.testing.assert_allclose(forecast[..., 2] - forecast[..., 0], 2 * 1.282, atol=2e-3)


@pytest.mark.parametrize("head", ["direct", "decoder"])
def test_relative_to_the_window_a_forecast_moves_with_its_level(head):
    model, params = made(head=head, relative=True)
    plain, _ = made(head=head)
    level = VALUES.sum(axis=-1) / np.maximum((1 - MISSING).sum(axis=-1), 1)
    inside = np.where(MISSING, 0, VALUES - level[..., None])
    expected = plain.apply(params, inside, *INPUTS[1:], None) + level[..., None, None]
    assert_close(model.apply(params, *INPUTS, None), expected, 1e-12)
    moved = np.where(MISSING, 0, VALUES + 5.0)
    change = np.where(MISSING.all(axis=-1), 0, 5.0)[..., None, None]
    assert_close(model.apply(params, moved, *INPUTS[1:], None), model.apply(params, *INPUTS, None) + change, 1e-10)


def test_series_do_not_see_each_other_without_a_graph_and_do_with_one():
    moved = VALUES.copy()
    moved[:, 0] += 1.0
    chain = Graph(np.array([[0, 1.0, 0], [1.0, 0, 0], [0, 0, 0]]))
    for hops, graph, expected in (((), None, [True, False, False]), ((0, 1), chain, [True, True, False])):
        model, params = made(graph, hops=hops)
        before, after = (model.apply(params, values, *INPUTS[1:], None) for values in (VALUES, moved))
        assert (np.abs(before - after).max(axis=(0, 2, 3)) > 1e-9).tolist() == expected


@pytest.mark.parametrize("head", ["direct", "decoder"])
def test_dropout_needs_a_key_and_everything_is_trained(head):
    model, params = made(head=head, dropout=0.4)
    assert (model.apply(params, *INPUTS, None) == model.apply(params, *INPUTS, None)).all()
    assert (model.apply(params, *INPUTS, jax.random.key(1)) != model.apply(params, *INPUTS, None)).any()
    gradient = jax.grad(lambda params: scalar(model.apply(params, *INPUTS, None)))(params)
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient))


def test_last_observed_is_the_last_value_that_is_there():
    values, missing = jnp.array([[1.0, 2, 0], [0, 0, 0], [4, 0, 6]]), jnp.array([[0, 0, 1], [1, 1, 1], [0, 1, 0]])
    assert last_observed(values, missing).tolist() == [2, 0, 6]


def test_equal_settings_are_the_identical_functions():
    assert forecaster(ForecasterConfig(), WIDTHS) is forecaster(ForecasterConfig(), WIDTHS)
    assert forecaster(ForecasterConfig(), WIDTHS) is not forecaster(ForecasterConfig(depth=2), WIDTHS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(cell="ltsm"), "ForecasterConfig: cell = 'ltsm'; expected one of rnn, irnn, lstm, "),
        (dict(head="dense"), "ForecasterConfig: head = 'dense'; expected one of direct, decoder"),
        (dict(skip="week"), "ForecasterConfig: skip = 'week'; expected one of none, last, linear"),
        (dict(features=0), "ForecasterConfig: features = 0; expected a number at least 1"),
        (dict(depth=0), "ForecasterConfig: depth = 0"),
        (dict(head_features=-1), "ForecasterConfig: head_features = -1"),
        (dict(dropout=1.0), "ForecasterConfig: dropout = 1.0; expected a number at least 0 and below 1"),
        (dict(hops=(1,), bidirectional=True), r"ForecasterConfig: hops = \(1,\); expected one direction"),
        (dict(hops=(1,), head="decoder"), r"ForecasterConfig: hops = \(1,\); expected one direction"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        ForecasterConfig(**change)


def test_hops_need_a_graph():
    with pytest.raises(InputError, match=r"hops = \(1,\) needs a graph"):
        made(hops=(1,))
