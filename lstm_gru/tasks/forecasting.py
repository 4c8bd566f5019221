"""Forecasting a daily series a year ahead from one cutoff, as a task for the common loop.

The cutoff is data, not shape: tasks that differ in it share their loss, and so one compiled update step.
Nothing after the cutoff is read before `finish` and the test score, and of the history the last
``valid_days`` targets are held out: they choose the checkpoint.
"""

import csv
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstm_gru.config import TrainConfig, require
from lstm_gru.data.seasonal import YEAR, SeasonalView
from lstm_gru.data.series import DailySeries
from lstm_gru.errors import InputError
from lstm_gru.losses import huber, squared
from lstm_gru.metrics import rmse
from lstm_gru.models.forecaster import ForecasterConfig, forecaster
from lstm_gru.task import Batch, Params, Split, Task

VALID_ORIGINS = 12


@dataclass(frozen=True)
class WindowConfig:
    """What a training example is."""

    lookback: int = 28
    """Days of history that the recurrent layer reads."""
    horizon: int = 365
    """Days to forecast."""
    origins: int = 64
    """Origins in a batch."""
    horizons: int = 16
    """Horizons drawn for each origin of a batch."""
    valid_days: int = 365
    """Last days of the history whose values are kept from training and choose the checkpoint."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        for name in ("origins", "horizons", "valid_days"):
            require(self, name, low=1)
        require(self, "horizon", low=1, high=YEAR + 1)
        require(self, "lookback", low=1, high=YEAR)


@dataclass(frozen=True)
class ForecastingConfig:
    """Everything that a forecasting run can change."""

    model: ForecasterConfig = field(default_factory=ForecasterConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


class _Windows:
    """Training and forecast inputs at one cutoff, scaled by what was observed before the held-out days."""

    def __init__(self, series: DailySeries, cutoff: int, config: WindowConfig):
        self.config, self.cutoff = config, cutoff
        self.view = SeasonalView(series, cutoff)
        self.trained_until = cutoff - config.valid_days
        if self.trained_until <= YEAR:
            raise InputError(
                f"{series.source['file']}: {cutoff + 1} days up to the cutoff {series.date(cutoff)} are too few; "
                f"expected more than {YEAR + 1} + valid_days = {YEAR + 1 + config.valid_days}"
            )
        t = np.arange(YEAR, self.trained_until, 7)[:, None]
        h = np.arange(1, config.horizon + 1, 3)
        residual, observed = self._residual(t, h, self.trained_until)
        known = self.view.known(t, h)[observed]
        self.scale = float(residual[observed].std())
        if not self.scale > 0:
            raise InputError(f"{series.source['file']}: constant up to {series.date(cutoff)}; nothing to learn")
        self._centre, self._spread = known.mean(0), np.maximum(known.std(0), 0.05)

    def _residual(self, t: np.ndarray, h: np.ndarray, until: int) -> tuple[np.ndarray, np.ndarray]:
        """Observed value less the reference, and whether day t + h was observed up to ``until``."""
        day = t + h
        values = self.view.values[np.minimum(day, self.cutoff)]
        return values - self.view.reference(t, h), (day <= until) & ~np.isnan(values)

    def inputs(self, t: np.ndarray, h: np.ndarray) -> Batch:
        """What the model reads at origins ``t [B]`` for horizons ``h [B, K]``."""
        history = self.view.history(t, self.config.lookback)
        history[..., :2] /= self.scale
        known = (self.view.known(t[:, None], h) - self._centre) / self._spread
        arrays = {"history": history, "known": known, "near": self.view.near(t[:, None], h), "horizon": h}
        return {name: array.astype(np.float32) for name, array in arrays.items()}

    def batch(self, seed: int, step: int) -> Batch:
        """Random origins and horizons, a pure function of (seed, step)."""
        random = np.random.default_rng((seed, step))
        t = random.integers(YEAR, self.trained_until, self.config.origins)
        h = random.integers(1, self.config.horizon + 1, (self.config.origins, self.config.horizons))
        residual, observed = self._residual(t[:, None], h, self.trained_until)
        target = np.where(observed, residual, 0.0) / self.scale
        return {
            **self.inputs(t, h),
            "target": target.astype(np.float32),
            "weight": observed.astype(np.float32),
        }

    def valid_origins(self) -> np.ndarray:
        return self.trained_until + np.arange(VALID_ORIGINS) * self.config.valid_days // VALID_ORIGINS


def forecasting(series: DailySeries, cutoff: int, config: ForecastingConfig, settings: dict[str, Any]) -> Task:
    """Return the task of forecasting ``series`` from one cutoff.

    Args:
      series: the whole series; days after the cutoff are used by the test score and ``finish`` only.
      cutoff: index of the last day a forecast may see.
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.

    Raises:
      InputError: when the history is too short or constant.
    """
    windows = _Windows(series, cutoff, config.windows)
    horizons = np.arange(1, config.windows.horizon + 1)
    init, loss, predict = _functions(config.model, _widths(windows))

    def forecast(params: Params, origins: np.ndarray) -> np.ndarray:
        """``[N, horizon]`` in the series' units, N rows at a time so that one shape is compiled."""
        padded = np.append(origins, np.full(-len(origins) % VALID_ORIGINS, origins[-1]))
        h = np.broadcast_to(horizons, (VALID_ORIGINS, len(horizons)))
        chunks = padded.reshape(-1, VALID_ORIGINS)
        residual = np.concatenate([np.asarray(predict(params, windows.inputs(t, h))) for t in chunks])
        reference = windows.view.reference(origins[:, None], horizons)
        return reference + windows.scale * residual[: len(origins)]

    def observed_after(origins: np.ndarray, first: int, values: np.ndarray) -> np.ndarray:
        """Observed values of days t + h from day ``first`` on; NaN elsewhere."""
        day = origins[:, None] + horizons
        known = (day >= first) & (day < len(values))
        return np.where(known, values[np.minimum(day, len(values) - 1)], np.nan)

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        if split == "valid":
            origins, first, values = windows.valid_origins(), windows.trained_until + 1, windows.view.values
        else:
            origins, first, values = np.array([cutoff]), cutoff + 1, series.values
        return {"rmse": rmse(forecast(params, origins), observed_after(origins, first, values))}

    def finish(params: Params, run_dir: Path) -> None:
        last = np.array([cutoff])
        observed = observed_after(last, cutoff + 1, series.values)[0]
        write_forecast(run_dir / FORECAST_FILE, series.date(cutoff + horizons), observed, forecast(params, last)[0])

    return Task(
        init=init,
        batch=lambda step: windows.batch(config.train.seed, step),
        loss=loss,
        evaluate=evaluate,
        selects=("valid_rmse", "min"),
        finish=finish,
        settings={
            **settings,
            "task": "forecasting",
            "data": dict(series.source),
            "cutoff": str(series.date(cutoff)),
            "model": asdict(config.model),
            "windows": asdict(config.windows),
        },
    )


FORECAST_FILE = "forecast.csv"


def write_forecast(path: Path, dates: np.ndarray, observed: np.ndarray, forecast: np.ndarray) -> None:
    """Write ``date,observed,forecast`` with one row a day; a missing observation is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["date", "observed", "forecast"])
        for date, value, prediction in zip(dates, observed, forecast, strict=True):
            rows.writerow([date, "" if np.isnan(value) else repr(float(value)), repr(float(prediction))])


def read_forecast(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(observed, forecast)`` as written by `write_forecast`, NaN where not observed."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    observed = np.array([float(row["observed"] or "nan") for row in rows])
    return observed, np.array([float(row["forecast"]) for row in rows])


def _widths(windows: _Windows) -> tuple[int, int, int]:
    sample = windows.inputs(np.array([YEAR]), np.array([[1]]))
    return tuple(sample[name].shape[-1] for name in ("history", "known", "near"))


@cache  # All cutoffs of a configuration share these functions, and so what is compiled of them.
def _functions(config: ForecasterConfig, widths: tuple[int, int, int]) -> tuple[Any, Any, Any]:
    model = forecaster(config, widths)

    def apply(params: Params, batch: Batch, key: jax.Array | None) -> jax.Array:
        return model.apply(params, batch["history"], batch["known"], batch["near"], batch["horizon"], key)

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        residual = apply(params, batch, key)
        metrics = {"mse": squared(residual, batch["target"], batch["weight"])}
        return huber(residual, batch["target"], batch["weight"]), metrics

    return jax.jit(model.init), loss, jax.jit(lambda params, inputs: apply(params, inputs, None))
