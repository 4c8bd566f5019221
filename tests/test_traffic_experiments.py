"""The traffic experiments on generated files: their protocols, equal terms, scores, trivial rules and plots."""

import os
import sys
from dataclasses import replace

import jax
import numpy as np
import pytest

from lstm_gru.data.fetch import fetch
from lstm_gru.experiment import load_experiment
from lstm_gru.graph import Graph
from lstm_gru.models.forecaster import forecaster
from lstm_gru.tasks.forecasting import FORECASTS_FILE, Forecasts, widths_of, write_forecasts
from lstm_gru.training.loop import fit

VISITORS, DETECTOR, ROADS = map(load_experiment, ("website_visitors", "single_detector", "road_network"))
each = pytest.mark.parametrize("experiment", [VISITORS, DETECTOR, ROADS], ids=lambda experiment: experiment.name)
with_data = pytest.mark.skipif(not os.environ.get("LSTM_GRU_DATA"), reason="reads the real files")
SENSORS = 5


def module(experiment):
    return sys.modules[f"lstm_gru_experiments.{experiment.name}"]


def visitors_csv():
    """As long as the real file, and weekly."""
    days = np.arange("2014-09-14", "2020-08-20", dtype="datetime64[D]").astype(object)
    visits = (
        2000 + 800 * np.sin(np.arange(len(days)) * 2 * np.pi / 7) + np.random.default_rng(0).normal(0, 50, len(days))
    )
    rows = [
        f"{n},{day:%A},1,{day:%-m/%-d/%Y},1,{v:.0f},1,1" for n, (day, v) in enumerate(zip(days, visits, strict=True), 1)
    ]
    return "\n".join(["Row,Day,Day.Of.Week,Date,Page.Loads,Unique.Visits,First.Time.Visits,Returning.Visits", *rows])


def detector_csv(first, days, seed):
    """Weekdays that follow one another as in the real files, with nothing for the days between."""
    numbers = [day for day in np.arange(first, first + np.timedelta64(120, "D")).astype(object) if day.weekday() < 5]
    flow = 60 + 50 * np.sin(np.arange(288) * 2 * np.pi / 288)
    noise = np.random.default_rng(seed).normal(0, 3, (days, 288))
    rows = [
        f"{day:%d/%m/%Y} {k // 12}:{k % 12 * 5:02},{flow[k] + noise[n, k]:.0f},1,100"
        for n, day in enumerate(numbers[:days]) for k in range(288)
    ]  # fmt: skip
    return "\n".join(["5 Minutes,Lane 1 Flow (Veh/5 Minutes),# Lane Points,% Observed", *rows])


def speed_csv():
    random = np.random.default_rng(2)
    speeds = 50 + 10 * np.sin(np.arange(2016)[:, None] / 40 + np.arange(SENSORS)) + random.normal(0, 1, (2016, SENSORS))
    return "\n".join([",".join(map(str, range(SENSORS))), *(",".join(f"{v:.3f}" for v in row) for row in speeds)])


@pytest.fixture(scope="module", autouse=True)
def generated(tmp_path_factory):
    """Every file that the experiments read, in the form of the real one."""
    folder = tmp_path_factory.mktemp("data")
    contents = {
        "web/daily-website-visitors.csv": visitors_csv(),
        "traffic/pems_single_detector_train.csv": detector_csv(np.datetime64("2016-01-04"), 27, 0),
        "traffic/pems_single_detector_test.csv": detector_csv(np.datetime64("2016-03-04"), 15, 1),
        "traffic/los_speed.csv": speed_csv(),
        "traffic/los_adj.csv": "\n".join(
            ",".join(map(str, row)) for row in np.eye(SENSORS, k=1) + np.eye(SENSORS, k=-1)
        ),
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    with pytest.MonkeyPatch.context() as patch:
        for experiment in (VISITORS, DETECTOR, ROADS):
            patch.setattr(module(experiment), "fetch", lambda file: folder / file.name)
        forget()
        yield
    forget()


def forget():
    """Drop what was read from other files."""
    for experiment in (VISITORS, DETECTOR, ROADS):
        for cached in vars(module(experiment)).values():
            if hasattr(cached, "cache_clear") and cached.__module__ == module(experiment).__name__:
                cached.cache_clear()


def parameters(config, graph=None):
    model = forecaster(config.model, widths_of(config.windows, 0), graph)
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(model.init, jax.random.key(0))))


@each
def test_variants_differ_in_model_and_learning_rate_only(experiment):
    first, *others = [
        replace(config, model=None, train=replace(config.train, learning_rate=1.0))
        for config in experiment.variants.values()
    ]
    assert all(other == first for other in others)
    assert {config.train.learning_rate for config in experiment.variants.values()} <= {*experiment.learning_rates}
    assert {name for pair in experiment.versus for name in pair} <= set(experiment.variants)
    assert {*experiment.headline, *next(iter(experiment.published.values()), {})} <= set(experiment.scores)


@pytest.mark.parametrize("experiment", [VISITORS, ROADS], ids=lambda experiment: experiment.name)
def test_the_models_of_a_table_have_as_many_parameters(experiment):
    graph = Graph(np.eye(2))
    counts = [parameters(c, graph if c.model.hops else None) for c in experiment.variants.values()]
    assert max(counts) < 1.04 * min(counts)


def test_the_website_is_tested_on_its_last_434_days_at_every_horizon():
    series, tasks = module(VISITORS).visitors(), VISITORS.folds(VISITORS.config("gru"), {})
    assert list(tasks) == ["horizon-1", "horizon-7", "horizon-28"]
    for task in tasks.values():
        train_end, valid_end = (task.settings["parts"][name] for name in ("train_end", "valid_end"))
        assert len(series) - valid_end == 434
        assert [series.base.text(k) for k in (train_end, valid_end)] == ["2018-06-13", "2019-06-13"]
    origins, _ = module(VISITORS)._applied(lambda windows: lambda origins: None, 28)
    assert (origins[0], origins[-1], len(origins)) == (len(series) - 435, len(series) - 2, 434)


def test_the_detector_reads_rows_as_they_follow_and_forecasts_from_the_13th_of_the_test_file():
    flow, (task,) = module(DETECTOR).flow(), DETECTOR.folds(DETECTOR.config("lstm"), {}).values()
    assert len(flow) == 7776 + 4320
    assert not np.isnan(flow.values).any()
    assert task.settings["parts"]["valid_end"] == 7776  # No row of the test file chooses anything.
    origins = module(DETECTOR)._windows().origins(7776, len(flow))
    centre = np.zeros((len(origins), 1, 1))
    scored = module(DETECTOR)._measure(origins, centre)
    assert sum(count for _, count in scored.folds.values()) == 4308
    nonsense = np.where(np.arange(len(origins))[:, None, None] < 12, 1e9, centre)  # The first 12 do not count.
    assert module(DETECTOR)._measure(origins, nonsense).scores == scored.scores


def test_the_networks_protocols_differ_in_scale_validation_and_nothing_else():
    tasks = ROADS.folds(ROADS.config("tgcn"), {})
    published, held_out = (dict(tasks[name].settings) for name in ("published", "held_out"))
    values = module(ROADS).speeds().values
    assert published.pop("scale")["factor"] == [values.max()] * SENSORS
    assert held_out.pop("scale")["factor"] == [values[: 1612 - 201].max()] * SENSORS
    assert published.pop("parts") == {
        "train_end": 1612, "valid_end": 1612, "test_stride": 1, "whole": False, "scale_end": 2016
    }  # fmt: skip
    assert held_out.pop("parts") == {
        "train_end": 1612 - 201, "valid_end": 1612, "test_stride": 1, "whole": False, "scale_end": None
    }  # fmt: skip
    assert published == held_out
    assert published["graph"]
    assert tasks["published"].selects is None
    assert ROADS.folds(ROADS.config("gru"), {})["published"].settings["graph"] is None


def test_the_network_is_scored_on_the_windows_of_the_papers_code():
    """Its last fifth holds 404 rows; windows of 12 + k rows, without the one that ends with the last row."""
    observed = module(ROADS)._observed()
    origins = np.arange(1611, 2015)
    wrong = observed.observed(origins) + 1.0
    counts = {3: 404 - 12 - 3, 12: 404 - 12 - 12}
    for steps, count in counts.items():
        bad = wrong.copy()
        first, last = 1612 + 11, 1612 + 11 + count - 1
        bad[origins < first] += 100
        bad[origins > last] += 100
        scores = module(ROADS)._measure({"published": (origins, bad)}).scores
        minutes = module(ROADS).MINUTES[steps]
        assert scores[f"rmse_{minutes}"] == scores[f"mae_{minutes}"] == pytest.approx(1)


def write_run(experiment, directory, wrong):
    """A finished run whose forecasts are off by ``wrong``."""
    found = {}
    for fold, task in experiment.folds(experiment.config("gru"), {}).items():
        (directory / fold).mkdir(parents=True, exist_ok=True)
        origins, observed = expected(experiment, fold, task)
        centre = np.nan_to_num(observed) + wrong
        write_forecasts(directory / fold / FORECASTS_FILE, Forecasts(origins, centre, centre - 2, centre + 2))
        (directory / fold / "metrics.jsonl").write_text(
            "".join(f'{{"step": {k}, "valid_rmse": {wrong + 1 / k}, "seconds": {k}}}\n' for k in (1, 2))
        )
        found[fold] = directory / fold
    return found


def expected(experiment, fold, task):
    here = module(experiment)
    if experiment is ROADS:
        origins = np.arange(here.test_start() - 1, len(here.speeds()) - 1)
        return origins, here._observed().observed(origins)
    windows = here._windows(int(fold.removeprefix("horizon-"))) if experiment is VISITORS else here._windows()
    parts = task.settings["parts"]
    origins = windows.origins(parts["valid_end"], len(windows.series), whole=parts["whole"])
    return origins, windows.observed(origins)


@each
def test_written_forecasts_are_scored_and_drawn(experiment, tmp_path):
    runs = {
        "rnn": {0: write_run(experiment, tmp_path / "rnn", 3.0)},
        "gru": {0: write_run(experiment, tmp_path / "gru", 1.0)},
    }
    for variant, error in (("rnn", 3.0), ("gru", 1.0)):
        measured = experiment.score(runs[variant][0])
        assert {*measured.scores} == {*experiment.scores}
        for name, value in measured.scores.items():
            if name.startswith(("rmse", "mae")):
                assert value == pytest.approx(error)
        total, count = np.sum([*measured.folds.values()], axis=0)
        assert total / count == pytest.approx(error**2)
    if "coverage" in experiment.scores:
        assert [experiment.score(runs[name][0]).scores["coverage"] for name in runs] == [0, 1]
    captions = experiment.plots(runs, [], tmp_path)
    assert captions
    assert all((tmp_path / name).stat().st_size > 10_000 for name in captions)
    assert experiment.plots({}, [], tmp_path) == {}


def test_a_row_of_the_heatmap_is_the_detector_that_it_names(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(module(ROADS), "sensor_heatmap", lambda path, **given: drawn.update(given))
    ROADS.plots({"gru": {0: write_run(ROADS, tmp_path / "gru", 1.0)}}, [], tmp_path)
    speeds = module(ROADS).speeds()
    assert sorted(drawn["sensors"]) == sorted(speeds.names)
    assert [*drawn["sensors"]] != [*speeds.names]
    steps = ((drawn["times"] - speeds.base.start) // speeds.base.step).astype(int)
    for row, name in enumerate(drawn["sensors"]):
        np.testing.assert_array_equal(drawn["observed"][:, row], speeds.values[steps, speeds.names.index(name)])
        np.testing.assert_allclose(abs(drawn["forecast"][:, row] - drawn["observed"][:, row]), 1)


@each
def test_rules_are_scored_as_runs_are(experiment):
    found = experiment.baselines()
    point = {name for name in experiment.scores if name not in ("coverage", "pinball")}
    assert all({*measured.scores} == point for measured in found.values())
    assert all(measured.folds for measured in found.values())
    best = min(found, key=lambda name: found[name].scores[experiment.ranking])
    assert best != "last value"


def test_a_whole_run_on_the_graph_is_scored(tmp_path):
    config = ROADS.smoke(ROADS.config("tgcn"))
    config = replace(config, model=replace(config.model, features=4))
    for fold, task in ROADS.folds(config, {}).items():
        fit(task, config.train, tmp_path / fold, plain=True)
    assert {*ROADS.score({fold: tmp_path / fold for fold in ("published", "held_out")}).scores} == {*ROADS.scores}


@with_data
@pytest.mark.parametrize(
    ("experiment", "rule", "scores"),
    [
        (VISITORS, "last value", {"rmse_1": 608.5, "mae_1": 490.3, "mape_1": 0.1865, "r2_1": 0.553}),
        (VISITORS, "same day last week", {"rmse_1": 454.0, "mae_1": 293.4, "mape_1": 0.1105, "r2_1": 0.751}),
        (DETECTOR, "last value", {"mae": 8.34, "rmse": 11.31, "mape": 0.206, "r2": 0.921}),
        (DETECTOR, "linear AR(12)", {"mae": 7.53, "rmse": 10.26, "mape": 0.215, "r2": 0.935}),
        (ROADS, "last value", {"rmse_15": 5.5428, "mae_15": 3.1561, "accuracy_15": 0.9056, "rmse_60": 8.4555}),
    ],
)
def test_trivial_rows_are_those_that_others_measured(experiment, rule, scores, monkeypatch):
    monkeypatch.setattr(module(experiment), "fetch", fetch)
    forget()
    found = experiment.baselines()[rule].scores
    forget()
    for name, value in scores.items():
        assert found[name] == pytest.approx(value, rel=2e-3), name
