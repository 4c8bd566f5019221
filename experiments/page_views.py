"""Daily page views a year ahead, on the cross-validation that Prophet documents.

Source: Prophet's documentation, "Diagnostics" (facebook/prophet, docs/_docs/diagnostics.md), for the series
of Taylor & Letham 2018, "Forecasting at Scale". 11 cutoffs from 2010-02-15 to 2015-01-20, 180 days apart,
at least 730 days of history, horizon 365 days; the error on every observed day after its cutoff.

What was tried and left out, by the validation error: a network that reads all features (it learns the years by
heart), a recurrent part that does not fade with the horizon, the squared error instead of Huber's, only the last year
instead of all past years as reference, longer lookbacks (no difference), and bounds without calibration (too narrow).

Run it with ``lstm-gru reproduce page_views`` or ``python experiments/page_views.py``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstm_gru.baselines import seasonal as baselines
from lstm_gru.config import TrainConfig
from lstm_gru.data.seasonal import daily_values
from lstm_gru.data.series import Series, page_views
from lstm_gru.experiment import Experiment, FinishedRuns
from lstm_gru.metrics import (
    LOWER,
    UPPER,
    coverage,
    covered,
    mae,
    mape,
    mase_scale,
    pinball,
    rmse,
    rolling_by_horizon,
    smape,
)
from lstm_gru.models.seasonal import SeasonalForecasterConfig
from lstm_gru.pictures import copy_pictures, draw_learning_curves
from lstm_gru.plots import error_by_horizon
from lstm_gru.task import Measured, Task
from lstm_gru.tasks.seasonal import FAN_FILE, FORECAST_FILE, SeasonalConfig, read_forecast, seasonal_forecasting

HORIZON = 365
WEEK = 7
PROPHET_AT_37_DAYS = 0.7024
LAST_CUTOFF = "2015-01-20"
CUTOFFS = 11
DAYS_APART = 180

TRAIN = TrainConfig(steps=200, learning_rate=3e-3, warmup_steps=30, weight_decay=3.0, evaluate_every=25)

# Widths give equal parameter counts, within 1 % of 3,975.
VARIANTS = {
    "rnn": SeasonalConfig(model=SeasonalForecasterConfig(cell="rnn", features=40), train=TRAIN),
    "lstm": SeasonalConfig(model=SeasonalForecasterConfig(cell="lstm", features=21), train=TRAIN),
    "gru": SeasonalConfig(model=SeasonalForecasterConfig(cell="gru", features=24), train=TRAIN),
}


def cutoffs() -> list[int]:
    """Return the indices of the last days that the forecasts may see, in ascending order."""
    last = page_views().index(LAST_CUTOFF)
    return [last - DAYS_APART * back for back in reversed(range(CUTOFFS))]


def folds(config: SeasonalConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return one task for each cutoff."""
    series = page_views()
    return {
        f"cutoff-{series.base.text(cutoff)}": seasonal_forecasting(series, cutoff, config, dict(settings))
        for cutoff in cutoffs()
    }


def score(run_dirs: Mapping[str, Path]) -> Measured:
    """Return the scores of the forecasts that the folds wrote, pooled over cutoffs."""
    forecasts = {fold: read_forecast(path / FORECAST_FILE) for fold, path in run_dirs.items()}
    bounds = [np.stack([f.lower, f.centre, f.upper], axis=-1) for f in forecasts.values()]
    return _measure(np.stack(bounds), [fold.removeprefix("cutoff-") for fold in forecasts])


def trivial() -> dict[str, Measured]:
    """Return the scores of the forecasts that need no network."""
    rules = {
        "last value": baselines.last_value,
        "last week": baselines.last_week,
        "same weeks last year": baselines.last_year,
        "mean of past years": baselines.past_years,
        "ridge": baselines.ridge,
    }
    return {name: _measure(_at_all_cutoffs(rule)) for name, rule in rules.items()}


def peers() -> dict[str, Measured]:
    """Return Prophet's scores where it is installed."""
    version = baselines.prophet_version()
    return {f"Prophet {version}": _measure(_at_all_cutoffs(baselines.prophet))} if version else {}


def _at_all_cutoffs(rule: Callable[[Series, int, int], np.ndarray]) -> np.ndarray:
    return np.stack([rule(page_views(), cutoff, HORIZON) for cutoff in cutoffs()])


def _measure(predicted: np.ndarray, dates: Sequence[str] | None = None) -> Measured:
    """Score forecasts ``[C, 365]``, or with bounds ``[C, 365, 3]``, made at all cutoffs or at those of ``dates``."""
    series, values = page_views(), daily_values(page_views())
    chosen = cutoffs() if dates is None else [series.index(date) for date in dates]
    observed = np.stack([values[cutoff + 1 : cutoff + 1 + HORIZON] for cutoff in chosen])
    lower, centre, upper = np.moveaxis(predicted, -1, 0) if predicted.ndim == 3 else (None, predicted, None)
    rolling = np.sqrt(rolling_by_horizon((centre - observed) ** 2))
    scales = np.array([mase_scale(values[: cutoff + 1], WEEK) for cutoff in chosen])[:, None]
    scores = {
        "rmse": rmse(centre, observed),
        "rmse_37_days": float(rolling[36]),
        "rmse_365_days": float(rolling[-1]),
        "mae": mae(centre, observed),
        "mape": mape(centre, observed),
        "smape": smape(centre, observed),
        "mase": mae(centre / scales, observed / scales),
    }
    if lower is not None:
        scores["pinball"] = (pinball(lower, observed, LOWER) + pinball(upper, observed, UPPER)) / 2
        scores["coverage"] = coverage(lower, upper, observed)
        scores["coverage_37_days"] = float(rolling_by_horizon(covered(lower, upper, observed))[36])
    squared = (centre - observed) ** 2
    folds = {
        f"cutoff-{series.base.text(cutoff)}": (float(np.nansum(row)), int(np.sum(~np.isnan(row))))
        for cutoff, row in zip(chosen, squared, strict=True)
    }
    return Measured(scores, folds)


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the last forecast of each cell's first seed, the error by horizon and the learning curves."""
    if not runs:  # Forecasts are in the runs' directories only.
        return {}
    names = {
        variant: (
            f"page_views-forecast-{variant}.png",
            f"The last of eleven forecasts, {variant.upper()}, with its 80 % interval",
        )
        for variant in VARIANTS
    }
    captions = copy_pictures(runs, f"cutoff-{LAST_CUTOFF}", FAN_FILE, directory, names)
    _plot_horizons(runs, directory / "page_views-error_by_horizon.png")
    captions["page_views-error_by_horizon.png"] = (
        "Error by horizon, as Prophet averages it (nearest 10 % of the points)"
    )
    captions |= draw_learning_curves(
        directory / "page_views-learning_curves.png",
        runs,
        "valid_rmse",
        caption="Error on the held-out year of each cutoff while training",
        title="Learning curves: mean over the eleven cutoffs",
        value_label="RMSE on the held-out year",
    )
    return captions


def _plot_horizons(runs: FinishedRuns, path: Path) -> None:
    observed = np.stack([daily_values(page_views())[c + 1 : c + 1 + HORIZON] for c in cutoffs()])

    def by_horizon(centre: np.ndarray) -> np.ndarray:
        return np.sqrt(rolling_by_horizon((centre - observed) ** 2))

    curves = {}
    for name in ("last_year", "past_years", "ridge"):
        curves[name.replace("_", " ")] = (by_horizon(_at_all_cutoffs(getattr(baselines, name))), "trivial")
    if version := baselines.prophet_version():
        curves[f"Prophet {version}"] = (by_horizon(_at_all_cutoffs(baselines.prophet)[..., 1]), "trivial")
    for variant, seeds in runs.items():
        centres = [np.stack([read_forecast(p / FORECAST_FILE).centre for p in f.values()]) for f in seeds.values()]
        errors = np.stack([by_horizon(centre) for centre in centres])
        spread = errors.std(0, ddof=1) if len(errors) > 1 else None
        curves[variant.upper()] = (errors.mean(0), "measured", spread)
    error_by_horizon(
        path,
        title="Error of a year-ahead forecast, by how far ahead it looks",
        error_label="RMSE (log views a day)",
        horizons=np.arange(1, HORIZON + 1),
        curves=curves,
        points=[("Prophet, its documentation", 37, PROPHET_AT_37_DAYS)],
    )


EXPERIMENT = Experiment(
    name="page_views",
    title="Daily page views, one year ahead, from eleven cutoffs",
    data="log daily views of Wikipedia's page on Peyton Manning, 2007-2016 (embedded)",
    reproduces="Prophet's documented cross-validation (Taylor & Letham 2018)",
    minutes=1.3,
    variants=VARIANTS,
    folds=folds,
    learning_rates=(1e-3, 3e-3, 1e-2),
    score=score,
    scores={
        "rmse": "RMSE",
        "rmse_37_days": "RMSE at 37 days",
        "rmse_365_days": "RMSE at 365 days",
        "mae": "MAE",
        "mape": "MAPE",
        "smape": "sMAPE (0-2)",
        "mase": "MASE (season 7)",
        "pinball": "pinball (10, 90 %)",
        "coverage": "coverage of 80 %",
        "coverage_37_days": "coverage at 37 days",
    },
    headline=("rmse", "rmse_37_days", "rmse_365_days", "coverage", "coverage_37_days"),
    baselines=trivial,
    peers=peers,
    published={
        "Prophet (its documentation, at 37 days)": {
            "rmse_37_days": PROPHET_AT_37_DAYS,
            "coverage_37_days": 0.677,
        }
    },
    plots=plots,
    notes=(
        "Errors of log views on the 3,988 observed days after 11 cutoffs; the figures at 37 and at 365 days are "
        "Prophet's rolling mean over the nearest 10 % of the points up to that horizon.",
        "At each cutoff the last 365 days of the history are held out and choose the checkpoint; nothing after the "
        "cutoff is seen. Since cutoffs are 180 days apart, the held-out year of one cutoff is the test year of an "
        "earlier one; the features and the settings that all cells share were found with both in view, and mostly with "
        "the GRU. The distance to Prophet, and small distances between cells, are to be read with that in mind.",
        "The 80 % interval is calibrated on the held-out year; coverage is the share of observed days inside it.",
        "Ridge reads the same features of the target day as the networks' linear part; what the networks add is "
        "the recurrent part, which reads the last 28 days. Whether a difference survives a change of cutoffs is in the "
        "table of paired differences in experiments/RESULTS.md.",
    ),
    smoke_folds=2,
    unit="cutoff",
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
