"""Forecasting as a task: batches, what is held out, and that no future is read."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import daily_series

from lstm_gru.config import TrainConfig
from lstm_gru.data.seasonal import SeasonalView
from lstm_gru.errors import InputError
from lstm_gru.models.seasonal import SeasonalForecasterConfig
from lstm_gru.tasks.seasonal import (
    FAN_FILE,
    FORECAST_FILE,
    Forecast,
    OriginConfig,
    SeasonalConfig,
    read_forecast,
    seasonal_forecasting,
    write_forecast,
)
from lstm_gru.training.devices import all_devices
from lstm_gru.training.step import compiled_update, initial_state

DAYS, CUTOFF, VALID, HORIZON = 700, 620, 40, 25
DAY = np.arange(DAYS)
TRAINED_UNTIL = CUTOFF - VALID
CONFIG = SeasonalConfig(
    model=SeasonalForecasterConfig(cell="rnn", features=3, head_features=4),
    windows=OriginConfig(lookback=6, horizon=HORIZON, origins=32, horizons=5, valid_days=VALID),
)


def series_of(values):
    return daily_series(values, file="s.csv")


def synthetic():
    random = np.random.default_rng(0)
    values = 8 + np.sin(DAY) + np.cos(2 * np.pi * DAY / 365) + 0.3 * random.normal(size=DAYS)
    values[random.random(DAYS) < 0.03] = np.nan
    return values


VALUES = synthetic()
VALUES[[TRAINED_UNTIL, TRAINED_UNTIL + 1, CUTOFF, CUTOFF + 1]] = 8.5, 7.5, 8.2, 7.9  # Edges that are tested.


def task_of(values=VALUES, cutoff=CUTOFF, seed=0, **windows):
    config = replace(CONFIG, train=TrainConfig(seed=seed), windows=replace(CONFIG.windows, **windows))
    return seasonal_forecasting(series_of(values), cutoff, config, {"experiment": "test"})


def moved(params):
    """Parameters under which every input matters; at the start the output layers are zero."""
    random = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: leaf + 0.3 * random.normal(size=leaf.shape).astype(np.float32), params)


@pytest.fixture(scope="module")
def params():
    return task_of().init(jax.random.key(0))


def with_days(first, last, value):
    return np.where((first <= DAY) & (last >= DAY), value, VALUES)


def all_equal(a, b):
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, a, b)))


def test_a_batch_is_a_pure_function_of_seed_and_step():
    task = task_of()
    first = task.batch(3)
    task.batch(4)
    chex.assert_trees_all_equal(task.batch(3), first)
    chex.assert_trees_all_equal(task_of().batch(3), first)
    for other in (task.batch(4), task_of(seed=1).batch(3)):
        assert not np.array_equal(other["horizon"], first["horizon"])
        assert not np.array_equal(other["history"], first["history"])
        assert jax.tree.map(np.shape, other) == jax.tree.map(np.shape, first)


def test_targets_are_the_observed_residuals_of_the_days_asked_for():
    batch, view = task_of().batch(0), SeasonalView(series_of(VALUES), CUTOFF)
    candidates = np.arange(364, TRAINED_UNTIL)
    histories, scales = view.history(candidates, 6), []
    for row in range(32):
        # The origin is the one whose history has the same shape; the factor between the two is the scale.
        dots = np.einsum("nij,ij->n", histories[..., :2], batch["history"][row, :, :2])
        factors = dots / np.sum(batch["history"][row, :, :2] ** 2)
        misfit = np.abs(histories[..., :2] - factors[:, None, None] * batch["history"][row, :, :2]).max((1, 2))
        t, scale = candidates[misfit.argmin()], factors[misfit.argmin()]
        h = batch["horizon"][row].astype(int)
        assert set(h) <= set(range(1, HORIZON + 1))
        observed = (t + h <= TRAINED_UNTIL) & ~np.isnan(VALUES[t + h])
        np.testing.assert_array_equal(batch["weight"][row], observed)
        expected = np.where(observed, VALUES[t + h] - view.reference(t, h), 0)
        np.testing.assert_allclose(batch["target"][row] * scale, expected, atol=1e-4)
        np.testing.assert_allclose(batch["near"][row], view.near(t, h), atol=1e-6)
        scales.append(scale)
    np.testing.assert_allclose(scales, scales[0], rtol=1e-4)
    assert 0 < batch["weight"].mean() < 1


def test_inputs_of_the_linear_part_are_standardised():
    known = np.concatenate([task_of().batch(step)["known"].reshape(-1, 63) for step in range(30)])
    assert np.abs(known.mean(0)).max() < 0.3
    assert 0.7 < np.median(known.std(0)) < 1.3


@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_training_reads_nothing_after_the_held_out_days_begin(poison):
    clean, poisoned = task_of(), task_of(with_days(TRAINED_UNTIL + 1, DAYS, poison))
    for step in range(20):
        chex.assert_trees_all_equal(poisoned.batch(step), clean.batch(step))


def test_training_does_read_the_day_before():
    clean, changed = task_of(), task_of(with_days(TRAINED_UNTIL, TRAINED_UNTIL, 99.0))
    assert not all(all_equal(changed.batch(step), clean.batch(step)) for step in range(20))


@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_nothing_after_the_cutoff_changes_batches_validation_or_forecasts(params, tmp_path, poison):
    params = moved(params)
    clean, poisoned = task_of(), task_of(with_days(CUTOFF + 1, DAYS, poison))
    for step in range(5):
        chex.assert_trees_all_equal(poisoned.batch(step), clean.batch(step))
    assert poisoned.evaluate(params, "valid") == clean.evaluate(params, "valid")
    forecasts = []
    for name, task in (("clean", clean), ("poisoned", poisoned)):
        (tmp_path / name).mkdir()
        task.finish(params, tmp_path / name)
        forecasts.append(np.stack(read_forecast(tmp_path / name / FORECAST_FILE)[2:]))
    assert np.isfinite(forecasts[0]).all()
    np.testing.assert_array_equal(*forecasts)  # Lower bound, centre and upper bound.


def test_validation_is_over_the_held_out_days_only(params):
    # At the start the forecast is the reference, so that the score can be computed point by point.
    view, errors = SeasonalView(series_of(VALUES), CUTOFF), []
    for k in range(12):
        t = TRAINED_UNTIL + k * VALID // 12
        for d in range(max(t, TRAINED_UNTIL) + 1, min(t + HORIZON, CUTOFF) + 1):
            errors.append(VALUES[d] - float(view.reference(t, d - t)))
    expected = np.sqrt(np.nanmean(np.square(errors)))
    assert task_of().evaluate(params, "valid")["rmse"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("day", [TRAINED_UNTIL + 1, CUTOFF])
def test_validation_reaches_from_the_first_to_the_last_held_out_day(params, day):
    score = task_of(with_days(day, day, 1000.0)).evaluate(params, "valid")["rmse"]
    assert score > 10 * task_of().evaluate(params, "valid")["rmse"]


def test_test_score_is_over_the_days_after_the_cutoff(params):
    h = np.arange(1, HORIZON + 1)
    error = VALUES[CUTOFF + h] - SeasonalView(series_of(VALUES), CUTOFF).reference(np.array([CUTOFF]), h)
    expected = np.sqrt(np.nanmean(error**2))
    assert task_of().evaluate(params, "test")["rmse"] == pytest.approx(expected, rel=1e-6)


def test_finish_writes_the_scored_forecast_with_dates(params, tmp_path):
    cutoff, params = DAYS - 11, moved(params)
    task = task_of(cutoff=cutoff)
    task.finish(params, tmp_path)
    lines = (tmp_path / FORECAST_FILE).read_text().splitlines()
    dates = series_of(VALUES).time(cutoff + np.arange(1, HORIZON + 1)).astype("datetime64[D]")
    assert [line.split(",")[0] for line in lines] == ["date", *map(str, dates)]
    read = read_forecast(tmp_path / FORECAST_FILE)
    np.testing.assert_array_equal(read.observed, np.append(VALUES[-10:], np.full(HORIZON - 10, np.nan)))
    scores = task.evaluate(params, "test")
    assert scores["rmse"] == pytest.approx(np.sqrt(np.nanmean((read.observed - read.centre) ** 2)))
    inside = (read.lower <= read.observed) & (read.observed <= read.upper)
    assert scores["coverage"] == pytest.approx(inside[:10].mean())
    assert (tmp_path / FAN_FILE).stat().st_size > 10_000


def test_loss_is_least_at_centre_and_quantiles_of_the_target():
    """Of constant forecasts, the best lower and upper bound are the 10 % and the 90 % quantile."""
    task = task_of()
    params = task.init(jax.random.key(0))
    batch = task.batch(0)
    seen = np.sort(batch["target"][batch["weight"] > 0])
    still = {**batch, "known": 0 * batch["known"]}

    def loss(below, above):
        raw = [0.0, *(float(np.log(np.expm1(x))) for x in (below, above))]
        moved = {**params, "linear": {**params["linear"], "bias": jnp.array(raw)}}
        return float(task.loss(moved, still, jax.random.key(0))[0][0])

    below, above = -np.quantile(seen, 0.1, method="higher"), np.quantile(seen, 0.9, method="lower")
    best = loss(below, above)
    assert all(best < loss(below * f, above) for f in (0.8, 1.25))
    assert all(best < loss(below, above * f) for f in (0.8, 1.25))


def test_forecast_is_the_reference_and_the_residual_in_units_of_its_deviation(params, tmp_path):
    view, h = SeasonalView(series_of(VALUES), CUTOFF), np.arange(1, HORIZON + 1, 3)
    t = np.arange(364, TRAINED_UNTIL, 7)[:, None]
    seen = np.where(t + h <= TRAINED_UNTIL, VALUES[t + h] - view.reference(t, h), np.nan)
    shifted = {**params, "linear": {**params["linear"], "bias": jnp.ones(3)}}  # The residual is 1 everywhere.
    task_of().finish(shifted, tmp_path)
    forecast = read_forecast(tmp_path / FORECAST_FILE).centre
    reference = view.reference(np.array([CUTOFF]), np.arange(1, HORIZON + 1))
    np.testing.assert_allclose(forecast, reference + np.nanstd(seen))


def test_cutoffs_share_one_compiled_update(params):
    tasks = [task_of(cutoff=cutoff) for cutoff in (CUTOFF, CUTOFF + 30)]
    assert tasks[0].loss is tasks[1].loss
    config = TrainConfig(steps=7)
    updates = [compiled_update(task.loss, config, all_devices()) for task in tasks]
    for task, update in zip(tasks, updates, strict=True):
        own = jax.tree.map(jnp.copy, params)  # The update donates its state.
        state = initial_state(own, config)
        for step in range(2):
            state, report = update(state, task.batch(step), jax.random.key(1))
        assert np.isfinite(report["loss"])
    assert updates[0] is updates[1]
    assert updates[0]._cache_size() == 1


def test_settings_name_data_cutoff_and_configuration():
    settings = task_of(seed=5).settings
    assert settings["experiment"] == "test"
    assert settings["data"] == {"file": "s.csv", "sha256": "0"}
    assert settings["cutoff"] == "2012-02-11"
    assert settings["windows"]["valid_days"] == VALID
    assert settings["model"]["features"] == 3


def test_too_short_a_history_is_refused_with_the_length_needed():
    least = 364 + 28 + VALID
    message = rf"^s.csv: {least} days up to the cutoff .* are too few; expected at least {least + 1} \(a year, 28 days"
    with pytest.raises(InputError, match=message):
        task_of(cutoff=least - 1)
    assert np.isfinite(task_of(cutoff=least).batch(0)["known"]).all()


@pytest.mark.parametrize("value", [5.0, 7.3])  # The deviation of the second is not 0 but a rounding error.
def test_a_constant_series_is_refused(value):
    with pytest.raises(InputError, match=r"^s.csv: constant up to 2012-02-11; nothing to learn$"):
        task_of(np.full(DAYS, value))


@pytest.mark.parametrize("name", ["origins", "horizons", "valid_days", "horizon", "lookback"])
def test_windows_out_of_range_are_named(name):
    with pytest.raises(InputError, match=f"^OriginConfig: {name} = 0; expected a number at least 1"):
        OriginConfig(**{name: 0})


@pytest.mark.parametrize(("name", "most"), [("horizon", 365), ("lookback", 364)])
def test_windows_stay_within_a_year(name, most):
    assert getattr(OriginConfig(**{name: most}), name) == most
    with pytest.raises(InputError, match=f"{name} = {most + 1}; expected a number at least 1 and at most {most}$"):
        OriginConfig(**{name: most + 1})


def test_a_forecast_file_keeps_every_bit_and_missing_days(tmp_path):
    random = np.random.default_rng(0)
    observed, lower, centre, upper = random.normal(size=(4, 5)) * 1e-9
    observed[[0, 3]] = np.nan
    dates = np.arange("2020-02-27", "2020-03-03", dtype="datetime64[D]")
    written = Forecast(dates, observed, lower, centre, upper)
    write_forecast(tmp_path / "f.csv", written)
    lines = (tmp_path / "f.csv").read_text().splitlines()
    assert lines[0] == "date,observed,lower,centre,upper"
    assert lines[1].startswith(f"2020-02-27,,{float(lower[0])!r},")
    for got, expected in zip(read_forecast(tmp_path / "f.csv"), written, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_one_can_look_inside_at_the_year_up_to_the_cutoff(params):
    found = task_of().inside(params, 0)
    assert len(found.steps) == 364
    assert all(values.shape[0] == 364 for values in found.gates.values())
    with pytest.raises(InputError, match="number = 1; there are 1 years"):
        task_of().inside(params, 1)
