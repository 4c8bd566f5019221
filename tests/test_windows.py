"""Windows: by hand on small series; nothing after an origin or a part's end is read."""

import numpy as np
import pytest

from lstm_gru.data.calendar import calendar_features
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import WindowConfig, Windows
from lstm_gru.errors import InputError

HOUR = TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(3600, "s"))
CONFIG = WindowConfig(lookback=3, horizon=2, windows=4)


def series_of(values):
    values = np.array(values, float)
    values = values[:, None] if values.ndim == 1 else values
    names = tuple(f"column {k}" for k in range(values.shape[1]))
    return Series(HOUR, values, names, {"file": "a.csv", "sha256": "0"})


def test_a_window_is_the_values_up_to_the_origin_and_its_targets_those_after_it():
    windows = Windows(series_of([0, 1, 2, 3, np.nan, 5, 6, 7]), CONFIG, train_end=8, scale_end=4)
    mean, deviation = 1.5, np.sqrt(1.25)
    inputs = windows.inputs(np.array([4, 2]))
    scaled = (np.array([[[2, 3, 0]], [[0, 1, 2]]]) - mean) / deviation
    scaled[0, 0, 2] = 0  # Missing.
    np.testing.assert_allclose(inputs["values"], scaled, rtol=1e-6)
    assert inputs["missing"].tolist() == [[[0, 0, 1]], [[0, 0, 0]]]
    target, weight = windows.targets_of(np.array([4, 2]))
    np.testing.assert_allclose(
        target, [[[(5 - mean) / deviation, (6 - mean) / deviation]], [[(3 - mean) / deviation, 0]]]
    )
    assert weight.tolist() == [[[1, 1]], [[1, 0]]]
    np.testing.assert_array_equal(windows.observed(np.array([4, 2])), [[[5, 6]], [[3, np.nan]]])


def test_targets_from_the_end_of_a_part_on_weigh_nothing_and_after_the_series_are_not_there():
    windows = Windows(series_of(np.arange(8)), CONFIG, train_end=6)
    target, weight = windows.targets_of(np.array([4, 5]))
    assert weight.tolist() == [[[1, 0]], [[0, 0]]]
    assert (target[weight == 0] == 0).all()
    np.testing.assert_array_equal(windows.observed(np.array([6, 7])), [[[7, np.nan]], [[np.nan, np.nan]]])


def test_columns_are_series_of_their_own_and_further_ones_context():
    values = np.arange(24.0).reshape(8, 3) ** 2
    config = WindowConfig(lookback=3, horizon=2, calendar=("day",))
    windows = Windows(series_of(values), config, train_end=8, targets=2)
    inputs = windows.inputs(np.array([4]))
    scaled = (values - values.mean(0)) / values.std(0)
    np.testing.assert_allclose(inputs["values"][0], scaled[2:5, :2].T, rtol=1e-5)
    day = calendar_features(HOUR.time(np.arange(8)), ("day",))
    np.testing.assert_allclose(inputs["context"][0, :, :8], day[2:5], rtol=1e-6)
    np.testing.assert_allclose(inputs["context"][0, :, 8], scaled[2:5, 2], rtol=1e-5)
    assert inputs["context"].shape == (1, 3, 10)
    np.testing.assert_allclose(inputs["known"][0], day[5:7], rtol=1e-6)
    assert windows.observed(np.array([4])).shape == (1, 2, 2)


def test_the_calendar_is_known_after_the_end_of_the_series():
    windows = Windows(series_of(np.arange(8)), WindowConfig(lookback=3, horizon=2, calendar=("day",)), train_end=8)
    expected = calendar_features(HOUR.time(np.array([8, 9])), ("day",))
    np.testing.assert_allclose(windows.inputs(np.array([7]))["known"][0], expected, rtol=1e-6)


@pytest.mark.parametrize("scaling", ["standard", "range", "maximum"])
@pytest.mark.parametrize("logarithm", [False, True])
def test_scaling_is_undone_and_fitted_before_its_end_only(scaling, logarithm):
    values = np.random.default_rng(0).uniform(1, 50, (20, 2))
    config = WindowConfig(lookback=3, horizon=2, scaling=scaling, logarithm=logarithm)
    windows = Windows(series_of(values), config, train_end=20, scale_end=12)
    changed = values.copy()
    changed[12:] *= 1000
    later = Windows(series_of(changed), config, train_end=12)
    for part in range(2):
        np.testing.assert_array_equal(windows.scale[part], later.scale[part])
    target, _ = windows.targets_of(np.array([5, 9]))
    np.testing.assert_allclose(
        windows.to_units(target[..., None])[..., 0], windows.observed(np.array([5, 9])), rtol=1e-5
    )
    everything = Windows(series_of(changed), config, train_end=12, scale_end=20)
    assert (everything.scale.factor != windows.scale.factor).all()


def test_scalings_are_what_they_are_called():
    values = np.array([[1.0, 10.0], [3.0, 30.0], [5.0, np.nan], [7.0, 50.0], [0.0, 0.0], [0.0, 0.0]])

    def scaled(scaling):
        windows = Windows(series_of(values), WindowConfig(lookback=1, horizon=1, scaling=scaling), train_end=4)
        return windows.scale.to_network(values[:4])

    np.testing.assert_allclose(np.nanmean(scaled("standard"), axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(scaled("standard"), axis=0), 1)
    np.testing.assert_allclose(np.nanmin(scaled("range"), axis=0), 0)
    np.testing.assert_allclose(np.nanmax(scaled("range"), axis=0), 1)
    np.testing.assert_allclose(scaled("maximum")[:, 0], values[:4, 0] / 50)


def test_origins_lie_where_window_and_targets_do():
    windows = Windows(series_of(np.arange(20)), CONFIG, train_end=10)
    assert windows.train_origins.tolist() == [2, 3, 4, 5, 6, 7]
    assert windows.origins(10, 20).tolist() == list(range(9, 18))
    assert windows.origins(10, 20, stride=4).tolist() == [9, 13, 17]
    assert windows.origins(10, 20, whole=False).tolist() == list(range(9, 19))
    with pytest.raises(
        InputError, match=r"a.csv: 4 values are too few for one window; expected at least 5 \(lookback 3"
    ):
        windows.origins(0, 4)


def test_every_epoch_reads_every_origin_once_in_an_order_of_its_own():
    windows = Windows(series_of(np.arange(17)), CONFIG, train_end=15)  # 11 origins, 4 in a batch.
    spread = windows.scale.factor[0]

    def chosen(seed, step):
        batch = windows.batch(seed, step)
        return np.round(batch["values"][:, 0, -1] * spread + windows.scale.offset[0]).astype(int).tolist()

    first = [origin for step in range(11) for origin in chosen(3, step)]
    epochs = [first[k * 11 : (k + 1) * 11] for k in range(4)]
    assert all(sorted(epoch) == list(range(2, 13)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert chosen(3, 2) == first[8:12]  # A pure function of (seed, step).
    assert chosen(4, 0) != chosen(3, 0)


def test_batches_hold_nothing_from_the_end_of_training_on():
    values = np.arange(20.0)
    changed = np.where(np.arange(20) < 10, values, 1e6)
    batches = [
        Windows(series_of(v), CONFIG, train_end=10).batch(0, step) for v in (values, changed) for step in range(5)
    ]
    for before, after in zip(batches[:5], batches[5:], strict=True):
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])


@pytest.mark.parametrize(
    ("values", "config", "message"),
    [
        ([[1, 2]] * 9, CONFIG, "a.csv: column 'column 0' is the constant 1 in the training part"),
        ([[1, np.nan], [2, np.nan]] * 5, CONFIG, "a.csv: column 'column 1' is no value in the training part"),
        (
            [-1, 2, 3, 4, 5, 6, 7],
            WindowConfig(lookback=1, horizon=1, logarithm=True),
            "has -1 at 2024-01-01T00:00:00; the logarithm needs",
        ),
    ],
)
def test_series_with_nothing_to_learn_are_refused(values, config, message):
    with pytest.raises(InputError, match=message):
        Windows(series_of(values), config, train_end=6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(lookback=0), "WindowConfig: lookback = 0; expected a number at least 1"),
        (dict(horizon=0), "WindowConfig: horizon = 0"),
        (dict(windows=0), "WindowConfig: windows = 0"),
        (dict(scaling="log"), "WindowConfig: scaling = 'log'; expected one of standard, range, maximum"),
        (dict(calendar=("week", "moon")), "WindowConfig: calendar 'moon'; expected of day, week, months, year"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        WindowConfig(**change)


def test_the_logarithm_is_of_what_is_forecast_wherever_it_stands():
    values = np.stack([np.arange(12.0), np.arange(12.0) - 20], axis=-1)  # The second is read only, as a temperature.
    config = WindowConfig(lookback=1, horizon=1, logarithm=True)
    windows = Windows(series_of(values), config, train_end=8, targets=1)
    scaled = windows.scale.to_network(values, 1) * windows.scale.factor + windows.scale.offset
    np.testing.assert_allclose(scaled, np.stack([np.log1p(values[:, 0]), values[:, 1]], axis=-1))
    values[10, 0] = -1  # Long after training.
    with pytest.raises(InputError, match="the logarithm needs values above -1"):
        Windows(series_of(values), config, train_end=8, targets=1)
    with pytest.raises(InputError, match="the logarithm needs"):
        Windows(series_of(values), config, train_end=8, targets=1, scale=windows.scale)
