"""Daily visitors of a website, 1, 7 and 28 days ahead: RNN, LSTM, GRU, a bidirectional GRU, rules and a regression.

The setting of Astawa et al. 2022, "Comparison of RNN, LSTM and GRU methods on forecasting website visitors"; no figure
of theirs could be found in a stored source, and none is quoted. 2,167 days without a gap, 2014-09-14 to 2020-08-19,
unique visits; rolling origin over the last 20 % (434 days from 2019-06-13), every day an origin, nothing trained anew.

Every network has a linear part beside its recurrent one, which reads the same 28 days and the same calendar as the
ridge regression does (`skip="linear"` of `lstm_gru.models.forecaster`): the distance to the regression's row is what
recurrence adds, little a day ahead and a third four weeks ahead.

What was tried and left out, by the validation error: the value itself instead of its logarithm, one model for all
three horizons (its first day is worse than that of a model for one day), and windows of 56 days (no difference).

Run it with ``lstm-gru reproduce website_visitors`` or ``python experiments/website_visitors.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lstm_gru.baselines import rolling
from lstm_gru.config import TrainConfig
from lstm_gru.data.fetch import FILES, fetch
from lstm_gru.data.series import Series
from lstm_gru.data.tables import read_series
from lstm_gru.data.windows import WindowConfig, Windows
from lstm_gru.experiment import Experiment, FinishedRuns
from lstm_gru.models.forecaster import ForecasterConfig
from lstm_gru.pictures import draw_learning_curves
from lstm_gru.task import Measured, Task
from lstm_gru.tasks.forecast_scores import interval_scores, point_scores, squared_by_group
from lstm_gru.tasks.forecasting import FORECASTS_FILE, ForecastingConfig, Parts, forecasting, read_forecasts

FIRST_TEST_DAY = "2019-06-13"
VALID_DAYS = 365
HORIZONS = (1, 7, 28)
WEEK = 7

TRAIN = TrainConfig(steps=1000, learning_rate=3e-3, warmup_steps=50, weight_decay=0.1, evaluate_every=50)
WINDOWS = WindowConfig(lookback=28, windows=64, calendar=("week", "year"), logarithm=True)


def variant(cell: str, features: int, rate: float, *, bidirectional: bool = False) -> ForecastingConfig:
    """Return a variant's configuration; its horizon is the fold's."""
    model = ForecasterConfig(cell=cell, features=features, bidirectional=bidirectional, head="decoder", dropout=0.1)
    return ForecastingConfig(model=model, windows=WINDOWS, train=replace(TRAIN, learning_rate=rate))


# Widths give equal parameter counts, within 4 %.
VARIANTS = {
    "rnn": variant("rnn", 47, 3e-3),
    "lstm": variant("lstm", 23, 3e-3),
    "gru": variant("gru", 28, 1e-2),
    "bigru": variant("gru", 21, 1e-2, bidirectional=True),
}
LABELS = {"bigru": "GRU, window read from both ends"}


@cache
def visitors() -> Series:
    """Return the series; the file is the user's, see `lstm_gru.data.fetch`."""
    path = fetch(FILES["web/daily-website-visitors.csv"])
    series = read_series(path, time_column="Date", value_columns=["Unique.Visits"])
    return replace(series, label="unique visits a day")


def parts() -> Parts:
    """Return where training, validation and test end."""
    test = visitors().index(FIRST_TEST_DAY)
    return Parts(train_end=test - VALID_DAYS, valid_end=test, whole=False)


def folds(config: ForecastingConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return one task for each horizon."""
    return {
        f"horizon-{horizon}": forecasting(
            visitors(), parts(), replace(config, windows=replace(config.windows, horizon=horizon)), dict(settings)
        )
        for horizon in HORIZONS
    }


def score(run_dirs: Mapping[str, Path]) -> Measured:
    """Return the scores of the forecasts that a run's folds wrote."""
    found = {int(fold.removeprefix("horizon-")): read_forecasts(p / FORECASTS_FILE) for fold, p in run_dirs.items()}
    intervals = {}
    if 28 in found:
        intervals = interval_scores(found[28], _windows(28).observed(found[28].origins))
    return _measure({horizon: (f.origins, f.centre) for horizon, f in found.items()}, intervals)


def trivial() -> dict[str, Measured]:
    """Return the scores of the forecasts that need no network."""
    rules = {
        "last value": rolling.last_value,
        "same day last week": lambda windows: rolling.seasonal_naive(windows, WEEK),
        "ridge on 28 days and the calendar": rolling.ridge,
    }
    return {name: _measure({h: _applied(rule, h) for h in HORIZONS}, {}) for name, rule in rules.items()}


def _applied(rule: Any, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """A rule fitted on everything before the test part, as it has nothing to choose on validation."""
    windows = _windows(horizon)
    origins = windows.origins(parts().valid_end, len(visitors()), whole=False)
    return origins, rule(windows)(origins)


@cache
def _windows(horizon: int) -> Windows:
    return Windows(visitors(), replace(WINDOWS, horizon=horizon), parts().valid_end)


def _measure(found: Mapping[int, tuple[np.ndarray, np.ndarray]], further: Mapping[str, float]) -> Measured:
    """Score forecasts ``{horizon: (origins, [O, 1, horizon])}``; paired groups are the test part's weeks."""
    scores, weeks = {}, {}
    for horizon, (origins, centre) in found.items():
        observed = _windows(horizon).observed(origins)
        scores |= {f"{name}_{horizon}": value for name, value in point_scores(centre, observed).items()}
        if horizon == 1:
            weeks = squared_by_group(centre, observed, (origins - parts().valid_end + 1) // WEEK)
    return Measured({**scores, **further}, weeks)


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the learning curves of the one-day forecast."""
    return draw_learning_curves(
        directory / "website_visitors-learning_curves.png",
        runs,
        "valid_rmse",
        caption="Validation error of the one-day forecast while training",
        labels=LABELS,
        folds=["horizon-1"],
        title="Learning curves: one day ahead, the year before the test part",
        value_label="RMSE (visits a day)",
    )


EXPERIMENT = Experiment(
    name="website_visitors",
    title="Daily visitors of a website, 1, 7 and 28 days ahead",
    data="unique visits a day, 2014-2020, 2,167 days (Kaggle; placed by the user into LSTM_GRU_DATA)",
    reproduces="the setting of Astawa et al. 2022 (no published figure)",
    minutes=1,
    variants=VARIANTS,
    folds=folds,
    own=("windows.horizon",),
    learning_rates=(1e-3, 3e-3, 1e-2),
    score=score,
    scores={
        **{
            f"{metric}_{horizon}": f"{heading}, {horizon} day{'s' if horizon > 1 else ''}"
            for horizon in HORIZONS
            for metric, heading in {"rmse": "RMSE", "mae": "MAE", "mape": "MAPE", "r2": "R²"}.items()
        },
        "coverage": "coverage of 80 %, 28 days",
        "pinball": "pinball (10, 90 %), 28 days",
    },
    headline=("rmse_1", "mae_1", "mape_1", "r2_1", "rmse_7", "rmse_28", "coverage"),
    baselines=trivial,
    peers=dict,
    published={},
    plots=plots,
    notes=(
        "Errors on the 434 days from 2019-06-13 on; of 7 and 28 days, over all days up to that horizon from each "
        "origin. One network for each horizon; the 365 days before the test part choose its checkpoint and calibrate "
        "its interval.",
        "Ridge is fitted on everything before the test part, one year more than the networks see; it reads the same 28 "
        "days and the same calendar, and so does a linear part of every network: what recurrence adds is the "
        "difference to its row. One day ahead only the LSTM is better than ridge; further ahead all networks are. "
        "Learning rates are chosen by the mean error of the three horizons, in which the longest weighs most.",
    ),
    seeds=dict.fromkeys(VARIANTS, 5),
    decimals=3,
    unit="week",
    versus=(("lstm", "gru"), ("lstm", "rnn"), ("gru", "rnn"), ("bigru", "gru")),
    labels=LABELS,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
