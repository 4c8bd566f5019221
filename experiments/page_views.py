"""Daily page views a year ahead, on the cross-validation that Prophet documents.

Source: Prophet's documentation, "Diagnostics" (facebook/prophet, docs/_docs/diagnostics.md), for the series
of Taylor & Letham 2018, "Forecasting at Scale". 11 cutoffs from 2010-02-15 to 2015-01-20, 180 days apart,
at least 730 days of history, horizon 365 days; the error on every observed day after its cutoff.

Run it with ``lstm-gru reproduce page_views`` or ``python experiments/page_views.py``.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lstm_gru import baselines
from lstm_gru.config import TrainConfig
from lstm_gru.data.series import page_views
from lstm_gru.experiment import Experiment, Scores
from lstm_gru.metrics import rmse, rolling_by_horizon
from lstm_gru.models.forecaster import ForecasterConfig
from lstm_gru.task import Task
from lstm_gru.tasks.forecasting import FORECAST_FILE, ForecastingConfig, forecasting, read_forecast

HORIZON = 365
LAST_CUTOFF = "2015-01-20"
CUTOFFS = 11
DAYS_APART = 180

TRAIN = TrainConfig(steps=200, learning_rate=3e-3, warmup_steps=30, weight_decay=3.0, evaluate_every=25)

# Widths give equal parameter counts, within 2 % of 3,770.
VARIANTS = {
    "rnn": ForecastingConfig(model=ForecasterConfig(cell="rnn", features=40), train=TRAIN),
    "lstm": ForecastingConfig(model=ForecasterConfig(cell="lstm", features=21), train=TRAIN),
    "gru": ForecastingConfig(model=ForecasterConfig(cell="gru", features=24), train=TRAIN),
}


def cutoffs() -> list[int]:
    """Return the indices of the last days that the forecasts may see, in ascending order."""
    last = page_views().index(LAST_CUTOFF)
    return [last - DAYS_APART * back for back in reversed(range(CUTOFFS))]


def folds(config: ForecastingConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return one task for each cutoff."""
    series = page_views()
    return {
        f"cutoff-{series.date(cutoff)}": forecasting(series, cutoff, config, dict(settings)) for cutoff in cutoffs()
    }


def score(run_dirs: Mapping[str, Path]) -> Scores:
    """Return the scores of the forecasts that the folds wrote, pooled over cutoffs."""
    pairs = [read_forecast(path / FORECAST_FILE) for path in run_dirs.values()]
    observed, forecast = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    return _scores(forecast, observed)


def _scores(forecast: np.ndarray, observed: np.ndarray) -> Scores:
    rolling = np.sqrt(rolling_by_horizon((forecast - observed) ** 2))
    return {"rmse": rmse(forecast, observed), "rmse_37_days": rolling[36], "rmse_365_days": rolling[364]}


def trivial() -> dict[str, Scores]:
    """Return the scores of the forecasts that need no network."""
    series = page_views()
    observed = np.stack([series.values[cutoff + 1 : cutoff + 1 + HORIZON] for cutoff in cutoffs()])
    rules = {
        "last value": baselines.last_value,
        "last week": baselines.last_week,
        "same weeks last year": baselines.last_year,
        "mean of past years": baselines.past_years,
        "ridge": baselines.ridge,
    }
    return {
        name: _scores(np.stack([rule(series, cutoff, HORIZON) for cutoff in cutoffs()]), observed)
        for name, rule in rules.items()
    }


EXPERIMENT = Experiment(
    name="page_views",
    title="Daily page views, one year ahead, from eleven cutoffs",
    data="log daily views of Wikipedia's page on Peyton Manning, 2007-2016 (embedded)",
    reproduces="Prophet's documented cross-validation (Taylor & Letham 2018)",
    minutes=1.5,
    variants=VARIANTS,
    folds=folds,
    score=score,
    scores={"rmse": "RMSE", "rmse_37_days": "RMSE at 37 days", "rmse_365_days": "RMSE at 365 days"},
    baselines=trivial,
    published={"Prophet (its documentation)": {"rmse_37_days": 0.7024}},
    notes=(
        "Errors of log views on the 3,988 observed days after 11 cutoffs; the figures at 37 and at 365 days are "
        "Prophet's rolling mean over the nearest 10 % of the points up to that horizon.",
        "At each cutoff the last 365 days of the history are held out and choose the checkpoint; nothing after the "
        "cutoff is seen. Since cutoffs are 180 days apart, the held-out year of one cutoff is the test year of an "
        "earlier one; the features and the settings shared by all cells were found with both in view, so the "
        "distance to Prophet is to be read with that in mind, the distances between cells are not affected.",
        "Ridge reads the same features of the target day as the networks' linear part; what the networks add is "
        "the recurrent part, which reads the last 28 days.",
    ),
    smoke=lambda config: replace(config, train=replace(config.train, steps=4, evaluate_every=2, warmup_steps=1)),
    smoke_folds=2,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
