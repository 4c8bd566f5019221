"""The forecaster: where it starts, what fades, and that its variants are of equal size."""

import statistics

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_gru.cells import CELLS
from lstm_gru.errors import InputError
from lstm_gru.experiment import load_experiment
from lstm_gru.layers import recurrent, stack
from lstm_gru.models.seasonal import SeasonalForecasterConfig, seasonal_forecaster

WIDTHS = (4, 6, 5)  # Features of history, known and near.
B, L, K = 3, 7, 4
HORIZON = np.array([[1, 10, 45, 300]] * B, np.float32)


def inputs(seed=0):
    random = np.random.default_rng(seed)
    shapes = (B, L, WIDTHS[0]), (B, K, WIDTHS[1]), (B, K, WIDTHS[2])
    return *(random.normal(size=shape).astype(np.float32) for shape in shapes), HORIZON


def model_of(name, **changes):
    """The forecaster and random parameters, those that start at zero included."""
    config = SeasonalForecasterConfig(cell=name, features=3, head_features=8, **changes)
    model = seasonal_forecaster(config, WIDTHS)
    shapes, random = jax.eval_shape(model.init, jax.random.key(0)), np.random.default_rng(1)
    draw = lambda leaf: jnp.asarray(0.6 * random.normal(size=leaf.shape), leaf.dtype)  # noqa: E731
    return config, model, jax.tree.map(draw, shapes)


@pytest.mark.parametrize(("name", "depth"), [("rnn", 1), ("lstm", 1), ("gru", 2), ("mingru", 1)])
def test_forecast_is_the_documented_equation(name, depth):
    config, model, params = model_of(name, depth=depth, fade_days=20.0)
    history, known, near, h = inputs()
    layer = stack(*[recurrent(CELLS[name](3))] * depth)
    s = layer.apply([params["recurrent"]["weights"][k] for k in range(depth)], history).outputs[:, -1]
    S, N, v, w = (params[part]["kernel"] for part in ("from_state", "from_near", "out", "linear"))
    inner = (s @ S + params["from_state"]["bias"][None])[:, None] + near @ N
    linear = known @ w + params["linear"]["bias"][None, None]
    m, a, b = np.moveaxis(linear + np.exp(-h / config.fade_days)[..., None] * (jax.nn.gelu(inner) @ v), -1, 0)
    expected = np.stack([m - np.log1p(np.exp(a)), m, m + np.log1p(np.exp(b))], axis=-1)
    np.testing.assert_allclose(model.apply(params, history, known, near, h, None), expected, atol=1e-5)


def test_starts_at_the_reference_with_the_interval_of_a_normal_residual():
    model = seasonal_forecaster(SeasonalForecasterConfig(cell="rnn", features=3), WIDTHS)
    residual = model.apply(model.init(jax.random.key(0)), *inputs(), None)
    normal = statistics.NormalDist().inv_cdf(0.9)
    np.testing.assert_allclose(residual, np.broadcast_to([-normal, 0, normal], (B, K, 3)), atol=1e-3)


def test_recurrent_part_fades_with_the_horizon_and_the_linear_part_does_not():
    _, model, params = model_of("rnn", fade_days=45.0)
    (history, known, near, h), (other_history, other_known, *_) = inputs(), inputs(1)
    near = np.repeat(near[:, :1], K, axis=1)  # Only the horizon differs along K ...
    known = np.repeat(known[:, :1], K, axis=1)
    other_known = np.repeat(other_known[:, :1], K, axis=1)
    base, moved, lifted = (
        np.asarray(model.apply(params, *arguments, near, h, None))[..., 1]
        for arguments in ((history, known), (other_history, known), (history, other_known))
    )
    effect = moved - base  # ... so what another history changes is one number, faded.
    assert np.abs(effect[:, 0]).min() > 1e-3
    np.testing.assert_allclose(effect, effect[:, :1] * np.exp(-(h - 1) / 45), atol=1e-5)
    np.testing.assert_allclose(lifted - base, np.repeat((lifted - base)[:, :1], K, axis=1), atol=1e-5)


def test_dropout_needs_a_key():
    _, model, params = model_of("rnn", dropout=0.5)
    _, calm, _ = model_of("rnn", dropout=0.0)
    quiet = model.apply(params, *inputs(), None)
    np.testing.assert_array_equal(calm.apply(params, *inputs(), jax.random.key(3)), quiet)
    one, two = (model.apply(params, *inputs(), jax.random.key(seed)) for seed in (3, 4))
    assert jnp.all(one != quiet)
    assert jnp.all(one != two)


@pytest.mark.parametrize("key", [None, 3])
def test_dropout_leaves_the_linear_part_alone(key):
    _, model, params = model_of("rnn", dropout=0.5)
    params = {**params, "out": jax.tree.map(jnp.zeros_like, params["out"])}
    _, known, *_ = inputs()
    expected = (known @ params["linear"]["kernel"] + params["linear"]["bias"][None, None])[..., 0]
    got = model.apply(params, *inputs(), None if key is None else jax.random.key(key))[..., 1]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_variants_of_page_views_are_of_equal_size():
    counts = {}
    for name, config in load_experiment("page_views").variants.items():
        params = jax.eval_shape(seasonal_forecaster(config.model, (10, 63, 10)).init, jax.random.key(0))
        counts[name] = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert max(counts.values()) <= 1.1 * min(counts.values()), counts


def test_equal_settings_share_one_model():
    assert seasonal_forecaster(SeasonalForecasterConfig(), WIDTHS) is seasonal_forecaster(
        SeasonalForecasterConfig(), WIDTHS
    )
    assert seasonal_forecaster(SeasonalForecasterConfig(), WIDTHS) is not seasonal_forecaster(
        SeasonalForecasterConfig(features=3), WIDTHS
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(cell="ltsm"), "SeasonalForecasterConfig: cell = 'ltsm'; expected one of rnn, irnn, lstm, "),
        (dict(features=0), "SeasonalForecasterConfig: features = 0; expected a number at least 1"),
        (dict(depth=0), "depth = 0; expected a number at least 1"),
        (dict(head_features=0), "head_features = 0; expected a number at least 1"),
        (dict(dropout=1.0), "dropout = 1.0; expected a number at least 0 and below 1"),
        (dict(dropout=-0.1), "dropout = -0.1; expected"),
        (dict(fade_days=0.0), "fade_days = 0.0; expected a number above 0"),
    ],
)
def test_settings_out_of_range_are_named(change, message):
    with pytest.raises(InputError, match=message):
        SeasonalForecasterConfig(**change)


def test_bounds_never_cross_the_centre():
    _, model, params = model_of("gru")
    params = jax.tree.map(lambda leaf: 30 * leaf, params)
    lower, centre, upper = jnp.moveaxis(model.apply(params, *inputs(), None), -1, 0)
    assert jnp.all(lower <= centre)
    assert jnp.all(centre <= upper)
