"""Runs and their records, with an experiment of seconds that has one fold and a score of which more is better."""

from dataclasses import dataclass

import pytest
from tiny import line, settings

from lstm_gru import reproduce
from lstm_gru.config import TrainConfig
from lstm_gru.experiment import Experiment, Measured
from lstm_gru.training.files import read_json


@dataclass(frozen=True)
class LineConfig:
    train: TrainConfig = settings(steps=2, evaluate_every=1)  # noqa: RUF009


def score(run_dirs):
    [path] = run_dirs.values()
    return Measured({"fit": 1 - read_json(path / "scores.json")["test"]["rmse"]}, {"a": (1.0, 2)})


EXPERIMENT = Experiment(
    name="lines",
    title="Lines",
    data="drawn",
    reproduces="nothing",
    minutes=0.1,
    variants={"short": LineConfig(), "long": LineConfig(settings(steps=3, evaluate_every=1))},
    folds=lambda config, names: {"": line(config.train.seed)},
    learning_rates=(0.05, 0.1),
    score=score,
    scores={"fit": "fit"},
    headline=("fit",),
    baselines=lambda: {"nothing": Measured({"fit": 0.0}, {"a": (2.0, 2)})},
    peers=dict,
    published={},
    plots=lambda runs, directory: {},
    notes=(),
    smoke=lambda config: config,
    better="max",
)


@pytest.fixture
def lines(monkeypatch):
    monkeypatch.setattr(reproduce, "load_experiment", lambda name: EXPERIMENT)
    return EXPERIMENT


def test_each_grid_is_recorded_once_complete_and_shares_the_run_of_seed_0(lines, tmp_path):
    grids = reproduce.choose_rates(lines, ("long", "short"), tmp_path, 1)
    record = next(grids)
    assert {path.name for path in (tmp_path / "lines").iterdir()} == {"long"}
    assert {path.name for path in (tmp_path / "lines/long").iterdir()} == {"seed-0", "rate-0.1"}
    kept = read_json(tmp_path / "lines/long/seed-0/record.json")
    assert kept["config"]["train"]["learning_rate"] == lines.config("long").train.learning_rate
    assert record["variant"] == "long"
    assert list(record["rates"]) == ["0.05", "0.1"]
    assert record["rates"]["0.05"] == kept["selected_by"] != record["rates"]["0.1"]
    assert record["selected_by"] == {"metric": "valid_rmse", "direction": "min"}
    assert [grid["variant"] for grid in grids] == ["short"]
