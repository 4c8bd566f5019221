"""The page-views experiment: its protocol, its scores from written forecasts, its plots, its choice of a cell."""

import json

import numpy as np
import pytest

from lstm_gru import reproduce
from lstm_gru.baselines import seasonal as baselines
from lstm_gru.data.series import page_views
from lstm_gru.experiment import load_experiment
from lstm_gru.reproduce import Run, chosen_on_validation
from lstm_gru.tasks.seasonal import FAN_FILE, FORECAST_FILE, Forecast, write_forecast

EXPERIMENT = load_experiment("page_views")
HORIZONS = np.arange(1, 366)
CUTOFFS = [page_views().index("2015-01-20") - 180 * back for back in range(10, -1, -1)]


def write_run(directory, rule, valid_rmse):
    """A finished run whose forecasts are those of a rule, with bounds at a distance of 0.5."""
    series, folds = page_views(), {}
    for cutoff in CUTOFFS:
        fold = directory / f"cutoff-{series.base.text(cutoff)}"
        fold.mkdir(parents=True)
        centre = rule(series, cutoff, 365)
        dates = series.time(cutoff + HORIZONS).astype("datetime64[D]")
        observed = series.values[cutoff + HORIZONS, 0]
        write_forecast(fold / FORECAST_FILE, Forecast(dates, observed, centre - 0.5, centre, centre + 0.5))
        (fold / FAN_FILE).write_bytes(b"a picture")
        lines = ({"step": step, "valid_rmse": valid_rmse + 1 / step, "seconds": 1.0} for step in (25, 50))
        (fold / "metrics.jsonl").write_text(
            '{"step": 10, "loss": 1.0}\n' + "".join(f"{json.dumps(x)}\n" for x in lines)
        )
        selected = {"metric": "valid_rmse", "direction": "min", "value": valid_rmse}
        (fold / "scores.json").write_text(json.dumps({"selected_by": selected}))
        folds[fold.name] = fold
    (directory / "record.json").write_text("{}")
    return folds


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two "cells", the second the better one on validation but for the first cutoff."""
    root = tmp_path_factory.mktemp("runs")
    found = {
        "rnn": write_run(root / "rnn" / "seed-0", baselines.last_year, 0.6),
        "gru": write_run(root / "gru" / "seed-0", baselines.past_years, 0.5),
    }
    first = found["gru"]["cutoff-2010-02-15"] / "scores.json"
    first.write_text(first.read_text().replace("0.5", "0.7"))
    return root, found


def test_cutoffs_are_those_of_the_documentation():
    names = list(EXPERIMENT.folds(EXPERIMENT.config("gru"), {}))
    assert len(names) == 11
    assert (names[0], names[1], names[-1]) == ("cutoff-2010-02-15", "cutoff-2010-08-14", "cutoff-2015-01-20")


def test_scores_of_written_forecasts_are_those_of_the_rule(runs):
    _, found = runs
    written = EXPERIMENT.score(found["gru"])
    rule = EXPERIMENT.baselines()["mean of past years"]
    assert {name: written.scores[name] for name in rule.scores} == pytest.approx(dict(rule.scores))
    assert written.folds == {fold: pytest.approx(pair) for fold, pair in rule.folds.items()}
    assert sum(points for _, points in written.folds.values()) == 3988
    assert written.scores["coverage"] == pytest.approx(0.7, abs=0.1)
    assert written.scores["rmse"] == pytest.approx(np.sqrt(sum(total for total, _ in written.folds.values()) / 3988))


def test_the_cell_is_chosen_fold_by_fold_on_validation(runs):
    root, found = runs
    record = chosen_on_validation(Run("page_views", v, 0, root / v / "seed-0") for v in found)
    assert record["choices"]["cutoff-2010-02-15"] == "rnn"
    assert {v for fold, v in record["choices"].items() if fold != "cutoff-2010-02-15"} == {"gru"}
    expected = {fold: found[variant][fold] for fold, variant in record["choices"].items()}
    assert record["scores"] == pytest.approx(dict(EXPERIMENT.score(expected).scores))


def test_plots_are_drawn_with_captions(runs, tmp_path, monkeypatch):
    root, found = runs
    monkeypatch.setattr(baselines, "ridge", baselines.last_value)  # Seconds faster, and no different here.
    runs_and_one_elsewhere = [Run("page_views", v, 0, root / v / "seed-0") for v in (*found, "lstm")]
    drawn = reproduce.draw(EXPERIMENT, runs_and_one_elsewhere, [], tmp_path / "plots")
    captions = json.loads((tmp_path / "plots" / "page_views.json").read_text())
    assert {"page_views-forecast-gru.png", "page_views-error_by_horizon.png"} <= set(captions)
    assert drawn == [tmp_path / "plots" / name for name in captions]
    for name in captions:
        assert (tmp_path / "plots" / name).stat().st_size > (0 if "forecast" in name else 20_000)
    assert reproduce.draw(EXPERIMENT, runs_and_one_elsewhere[2:], [], tmp_path / "plots") == []
    assert json.loads((tmp_path / "plots" / "page_views.json").read_text()) == captions
