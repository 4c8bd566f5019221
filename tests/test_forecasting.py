"""Rolling forecasts as a task: which values each part reads, what is written and how the interval is calibrated."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from tools import assert_close

from lstm_gru.cells import CELLS
from lstm_gru.config import TrainConfig, from_settings
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import WindowConfig, Windows
from lstm_gru.errors import InputError
from lstm_gru.graph import Graph
from lstm_gru.metrics import covered, interval_factor, rmse, widen
from lstm_gru.models.forecaster import ForecasterConfig
from lstm_gru.recurrent import unroll
from lstm_gru.tasks.forecast_scores import interval_scores, point_scores, squared_by_group
from lstm_gru.tasks.forecasting import (
    FORECASTS_FILE,
    ForecastingConfig,
    Forecasts,
    Parts,
    forecasting,
    read_forecasts,
    rolled,
    write_forecasts,
)

TIMES, TRAIN_END, VALID_END = 60, 40, 50
BASE = TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(3600, "s"))
CONFIG = ForecastingConfig(
    model=ForecasterConfig(cell="rnn", features=3, head_features=4),
    windows=WindowConfig(lookback=4, horizon=3, windows=5),
)
PARTS = Parts(TRAIN_END, VALID_END)
VALUES = np.random.default_rng(0).normal(size=(TIMES, 2)).cumsum(axis=0)
VALUES[[5, 45, 55], [0, 1, 0]] = np.nan


def series_of(values=VALUES):
    return Series(BASE, values, ("a", "b"), {"file": "s.csv", "sha256": "0"})


def task_of(values=VALUES, parts=PARTS, config=CONFIG, **options):
    return forecasting(series_of(values), parts, config, {"experiment": "test"}, **options)


@pytest.fixture(scope="module")
def params():
    """Parameters under which every input matters; at the start the output layer is zero."""
    random = np.random.default_rng(1)
    drawn = task_of().init(jax.random.key(0))
    return jax.tree.map(lambda leaf: leaf + 0.3 * random.normal(size=leaf.shape).astype(np.float32), drawn)


def changed(first, end):
    index = np.arange(TIMES)[:, None]
    return np.where((first <= index) & (index < end), VALUES + 50, VALUES)


def written(task, params, tmp_path):
    task.finish(params, tmp_path)
    return read_forecasts(tmp_path / FORECASTS_FILE)


def test_training_reads_nothing_of_the_other_parts():
    for step in range(8):
        assert_close(task_of(changed(TRAIN_END, TIMES)).batch(step), task_of().batch(step), 0)


def test_validation_reads_nothing_of_the_test_part(params):
    later, before = task_of(changed(VALID_END, TIMES)), task_of()
    assert later.evaluate(params, "valid") == before.evaluate(params, "valid")
    assert later.evaluate(params, "test") != before.evaluate(params, "test")


def test_origins_of_each_part_have_their_targets_in_it(params, tmp_path):
    assert written(task_of(), params, tmp_path).origins.tolist() == [49, 50, 51, 52, 53, 54, 55, 56]
    folds = task_of(parts=replace_parts(test_stride=3))
    assert written(folds, params, tmp_path).origins.tolist() == [50, 53, 56]
    ragged = task_of(parts=replace_parts(whole=False))
    assert written(ragged, params, tmp_path).origins.tolist() == [*range(49, 59)]


def replace_parts(**changes):
    return PARTS._replace(**changes)


def test_the_test_score_is_that_of_what_is_written_in_the_series_units(params, tmp_path):
    task = task_of()
    found = written(task, params, tmp_path)
    observed = Windows(series_of(), CONFIG.windows, TRAIN_END).observed(found.origins)
    scores = task.evaluate(params, "test")
    np.testing.assert_allclose(scores["rmse"], rmse(found.centre, observed))
    np.testing.assert_allclose(scores["coverage"], np.nanmean(covered(found.lower, found.upper, observed)))
    assert found.centre.shape == (8, 2, 3)


def test_errors_in_deviations_count_columns_of_different_size_alike(params):
    units = np.array([1.0, 1e6])
    scores, larger = (
        task_of(values, by_deviation=True).evaluate(params, "valid") for values in (VALUES, VALUES * units)
    )
    assert task_of(by_deviation=True).selects == ("valid_scaled_rmse", "min")
    assert task_of(by_deviation=True).settings != task_of().settings  # Else a run would be taken for the other one.
    assert "scaled_rmse" not in task_of().evaluate(params, "valid")
    np.testing.assert_allclose(larger["scaled_rmse"], scores["scaled_rmse"], rtol=1e-4)
    assert larger["rmse"] > 1e4 * scores["rmse"]
    squares = []
    for column in (0, 1):
        series = Series(BASE, VALUES[:, [column]], ("a",), {"file": "s.csv", "sha256": "0"})
        rmse = forecasting(series, PARTS, CONFIG, {}).evaluate(params, "valid")["rmse"]
        squares.append((rmse / np.nanstd(VALUES[:TRAIN_END, column])) ** 2)
    counts = np.sum(~np.isnan(valid_targets()), axis=(1, 2))
    np.testing.assert_allclose(scores["scaled_rmse"] ** 2, np.average(squares, weights=counts), rtol=1e-5)


def valid_targets():
    """Of each column, all that the validation part has to forecast."""
    origins = np.arange(TRAIN_END - 1, VALID_END - 3)
    return np.moveaxis(VALUES[origins[:, None] + np.arange(1, 4)], 2, 0)


def test_the_interval_is_calibrated_on_validation_only(params, tmp_path):
    """The factor by which test bounds stand further from the centre is that which covers 80 % of validation."""
    seen = {}

    def raw(parts):
        config = replace(CONFIG, windows=CONFIG.windows)
        return written(task_of(parts=parts, config=config), params, tmp_path)

    plain = raw(Parts(TRAIN_END, TRAIN_END))  # Without validation there is no calibration.
    for name, origins in (("valid", range(39, 47)), ("test", range(49, 57))):
        rows = np.isin(plain.origins, origins)
        seen[name] = np.stack([plain.lower, plain.centre, plain.upper], axis=-1)[rows]
    observed = Windows(series_of(), CONFIG.windows, TRAIN_END).observed(np.arange(39, 47))
    expected = widen(seen["test"], interval_factor(seen["valid"], observed, 0.8))
    found = raw(PARTS)
    np.testing.assert_allclose(np.stack([found.lower, found.centre, found.upper], axis=-1), expected, rtol=1e-5)


def test_without_validation_the_last_checkpoint_counts(params):
    task = task_of(parts=Parts(VALID_END, VALID_END))
    assert task.selects is None
    assert task.evaluate(params, "valid") == {}
    assert task_of().selects == ("valid_rmse", "min")


def test_a_forecaster_without_interval_writes_centres_only(params, tmp_path):
    config = replace(CONFIG, model=replace(CONFIG.model, interval=False), loss="squared")
    task = task_of(config=config)
    own = task.init(jax.random.key(0))
    found = written(task, own, tmp_path)
    assert found.lower is None
    assert set(task.evaluate(own, "test")) == {"rmse", "mae"}
    batch = task.batch(0)
    (total, count), _ = task.loss(own, batch, jax.random.key(0))
    naive = np.repeat(batch["values"][..., -1:], 3, axis=-1)  # What an untrained forecaster says.
    np.testing.assert_allclose(total, np.sum(batch["weight"] * (naive - batch["target"]) ** 2), rtol=1e-5)
    assert count == batch["weight"].sum()


def test_pieces_of_one_shape_give_what_all_at_once_gives(monkeypatch):
    windows = Windows(series_of(), CONFIG.windows, TRAIN_END)
    shapes = set()

    def predict(inputs):
        shapes.add(inputs["values"].shape)
        return inputs["values"][..., :3, None] + inputs["missing"][..., 1:, None]

    whole = rolled(windows, predict, np.arange(10, 17))
    monkeypatch.setattr("lstm_gru.tasks.forecasting.VALUES_AT_ONCE", 3 * 2 * (4 * 16 + 9))
    np.testing.assert_array_equal(rolled(windows, predict, np.arange(10, 17)), whole)
    assert shapes == {(7, 2, 4), (3, 2, 4)}


def test_one_configuration_shares_its_functions_whatever_the_data():
    assert task_of().loss is task_of(changed(0, 30)).loss
    assert task_of().loss is not task_of(config=replace(CONFIG, loss="squared")).loss


def test_settings_say_everything_and_a_configuration_comes_back_from_them():
    settings = task_of().settings
    assert settings["experiment"] == "test"
    assert settings["data"] == {"file": "s.csv", "sha256": "0"}
    assert settings["columns"] == ["a", "b"]
    assert settings["parts"]["valid_end"] == VALID_END
    assert from_settings(WindowConfig, settings["windows"]) == CONFIG.windows
    assert from_settings(ForecasterConfig, settings["model"]) == CONFIG.model
    np.testing.assert_allclose(settings["scale"]["offset"], np.nanmean(VALUES[:TRAIN_END], axis=0))


def test_a_graph_has_a_node_for_each_series():
    config = replace(CONFIG, model=replace(CONFIG.model, hops=(0, 1)))
    with pytest.raises(InputError, match=r"^s.csv: 2 columns, but a graph of 3 nodes$"):
        task_of(config=config, graph=Graph(np.ones((3, 3))))
    task = task_of(config=config, graph=Graph(np.ones((2, 2))))
    assert np.isfinite(task.evaluate(task.init(jax.random.key(0)), "valid")["rmse"])
    assert task.settings["graph"] == Graph(np.ones((2, 2))).sha256


@pytest.mark.parametrize("parts", [Parts(5, VALID_END), Parts(TRAIN_END, 42), Parts(TRAIN_END, 58)])
def test_a_part_too_short_for_one_window_is_refused(parts):
    with pytest.raises(InputError, match=r"^s.csv: \d+ values are too few for one window; expected at least 7"):
        task_of(parts=parts)


@pytest.mark.parametrize(("first", "end", "part"), [(TRAIN_END, VALID_END, "valid"), (VALID_END, TIMES, "test")])
def test_a_part_in_which_everything_is_missing_is_refused(first, end, part):
    index = np.arange(TIMES)[:, None]
    with pytest.raises(InputError, match=rf"^s.csv: no value to forecast in the {part} part; all are missing$"):
        task_of(np.where((first <= index) & (index < end), np.nan, VALUES))


@pytest.mark.parametrize("change", [dict(loss="absolute"), dict(valid_stride=0)])
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(InputError, match="ForecastingConfig: "):
        replace(CONFIG, **change)


def test_forecasts_keep_every_bit(tmp_path):
    centre = np.random.default_rng(0).normal(size=(4, 1, 2))
    write_forecasts(tmp_path / "f.npz", Forecasts(np.arange(4) + 2**40, centre))
    found = read_forecasts(tmp_path / "f.npz")
    np.testing.assert_array_equal(found.origins, np.arange(4) + 2**40)
    np.testing.assert_array_equal(found.centre, centre)
    assert found.upper is None


def test_train_settings_do_not_change_the_task():
    assert task_of(config=replace(CONFIG, train=TrainConfig(steps=3))).settings == task_of().settings


def test_scores_are_over_what_was_observed_and_groups_add_up():
    observed = np.array([[[1.0, 2.0]], [[np.nan, 4.0]], [[0.0, 5.0]]])
    forecast = np.array([[[2.0, 2.0]], [[9.0, 6.0]], [[1.0, 4.0]]])
    scores = point_scores(forecast, observed)
    np.testing.assert_allclose(scores["rmse"], np.sqrt(7 / 5))
    np.testing.assert_allclose(scores["mape"], (1 + 0 + 0.5 + 0.2) / 4)
    np.testing.assert_allclose(scores["r2"], 1 - 7 / np.sum((np.array([1, 2, 4, 0, 5]) - 2.4) ** 2))
    groups = squared_by_group(forecast, observed, np.array([7, 8, 7]))
    assert groups == {"7": (3.0, 4), "8": (4.0, 1)}
    interval = interval_scores(Forecasts(np.arange(3), forecast, forecast - 1, forecast + 1), observed)
    np.testing.assert_allclose(interval["coverage"], 4 / 5)


@pytest.mark.parametrize("relative", [False, True])
def test_a_look_inside_is_of_one_column_of_one_window_as_the_encoder_reads_it(relative):
    config = replace(CONFIG, model=replace(CONFIG.model, cell="gru", relative=relative))
    task, scaled = task_of(config=config), Windows(series_of(), CONFIG.windows, TRAIN_END)
    params = task.init(jax.random.key(0))
    found = task.inside(params, 7)  # The second column of the fourth of eight windows, from 49 to 52.
    assert found.what == "b up to 2024-01-03T04:00:00"
    assert found.steps == tuple(f"2024-01-03T0{hour}:00:00" for hour in range(1, 5))
    inputs = scaled.inputs(np.array([52]))
    values = inputs["values"][0, 1] - (inputs["values"][0, 1].mean() if relative else 0)
    xs = np.stack([values, inputs["missing"][0, 1]], axis=-1)[None]
    alone = unroll(CELLS["gru"](3), params["encoder"]["weights"][0], xs, record=True).record
    np.testing.assert_allclose(found.gates["z"], alone.gates["z"][0], rtol=1e-5)
    with pytest.raises(InputError, match="16 windows of one column in the test, expected 0 to 15"):
        task.inside(params, 16)


def test_a_look_inside_a_graph_is_that_of_the_node():
    config = replace(CONFIG, model=replace(CONFIG.model, cell="gru", hops=(0, 1)))
    first_receives = Graph(np.array([[0.0, 1.0], [0.0, 0.0]]))
    plain = task_of(config=config, graph=first_receives)
    params = plain.init(jax.random.key(0))
    for column, reads in enumerate([(True, True), (False, True)]):
        before = plain.inside(params, column).gates["z"]
        for other, read in enumerate(reads):
            values = np.where(np.arange(2) == other, changed(VALID_END - 2, VALID_END), VALUES)
            later = task_of(values, config=config, graph=first_receives).inside(params, column).gates["z"]
            assert (np.abs(later - before).max() > 1e-3) == read
