"""Forecasting a daily series a year ahead from one cutoff, with an 80 % interval, as a task for the common loop.

The cutoff is data, not shape: tasks that differ in it share their loss, and so one compiled update step.
Nothing after the cutoff is read before `finish` and the test score, and of the history the last
``valid_days`` targets are held out: they choose the checkpoint and calibrate the interval.

The centre is trained with Huber's loss, the bounds with the pinball loss at 10 % and 90 %. A network that has
seen few years is too sure of itself in a new one, so both bounds are then moved from the centre by one factor, the
smallest that covers 80 % of the held-out days; after Romano, Patterson & Candès 2019, "Conformalized Quantile
Regression", with a scaled score (without their guarantee: days of one year are not exchangeable).
"""

import csv
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import TrainConfig, require
from lstm_gru.data.seasonal import YEAR, SeasonalView, daily_values
from lstm_gru.data.series import Series
from lstm_gru.errors import InputError
from lstm_gru.inside import look
from lstm_gru.losses import huber, pinball, squared
from lstm_gru.metrics import COVERAGE, LOWER, UPPER, coverage, interval_factor, rmse, widen
from lstm_gru.models.seasonal import SeasonalForecasterConfig, seasonal_forecaster
from lstm_gru.plots import forecast_fan
from lstm_gru.task import Batch, Inside, Params, Split, Task, kept, numbered

VALID_ORIGINS = 12
FEWEST_DAYS = 28


@dataclass(frozen=True)
class OriginConfig:
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
class SeasonalConfig:
    """Everything that a forecasting run can change."""

    model: SeasonalForecasterConfig = field(default_factory=SeasonalForecasterConfig)
    windows: OriginConfig = field(default_factory=OriginConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


class _Windows:
    """Training and forecast inputs at one cutoff, scaled by what was observed before the held-out days."""

    def __init__(self, series: Series, cutoff: int, config: OriginConfig):
        self.config, self.cutoff = config, cutoff
        self.view = SeasonalView(series, cutoff)
        self.trained_until = cutoff - config.valid_days
        least = YEAR + FEWEST_DAYS + config.valid_days
        if cutoff < least:
            raise InputError(
                f"{series.source['file']}: {cutoff + 1} days up to the cutoff {series.base.text(cutoff)} are too few; "
                f"expected at least {least + 1} (a year, {FEWEST_DAYS} days, and valid_days = {config.valid_days})"
            )
        t = np.arange(YEAR, self.trained_until, 7)[:, None]
        h = np.arange(1, config.horizon + 1, 3)
        residual, observed = self._residual(t, h, self.trained_until)
        known = self.view.known(t, h)[observed]
        self.scale = float(residual[observed].std())
        if np.nanmin(self.view.values) == np.nanmax(self.view.values):
            raise InputError(f"{series.source['file']}: constant up to {series.base.text(cutoff)}; nothing to learn")
        self._centre, self._spread = known.mean(0), np.maximum(known.std(0), 0.05)

    def _residual(self, t: np.ndarray, h: np.ndarray, until: int) -> tuple[np.ndarray, np.ndarray]:
        """Observed value less the reference, and whether day t + h was observed up to ``until``."""
        day = t + h
        values = self.view.values[np.minimum(day, self.cutoff)]
        return values - self.view.reference(t, h), (day <= until) & ~np.isnan(values)

    def inputs(self, t: np.ndarray, h: np.ndarray) -> Batch:
        """What the model reads at origins ``t [B]`` for horizons ``h [B, K]``."""
        known = (self.view.known(t[:, None], h) - self._centre) / self._spread
        arrays = {"known": known, "near": self.view.near(t[:, None], h), "horizon": h}
        arrays["history"] = self.history(t, self.config.lookback)
        return {name: array.astype(np.float32) for name, array in arrays.items()}

    def history(self, t: np.ndarray, days: int) -> np.ndarray:
        """What the recurrent part reads: so many days up to each origin."""
        history = self.view.history(t, days)
        history[..., :2] /= self.scale
        return history

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


def seasonal_forecasting(series: Series, cutoff: int, config: SeasonalConfig, settings: dict[str, Any]) -> Task:
    """Return the task of forecasting ``series`` from one cutoff.

    Args:
      series: the whole series, daily and of one column; days after the cutoff are used by the test score and
        ``finish`` only.
      cutoff: index of the last day a forecast may see.
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.

    Raises:
      InputError: when the series is not daily with one column, or the history too short or constant.
    """
    all_values, windows = daily_values(series), _Windows(series, cutoff, config.windows)
    horizons = np.arange(1, config.windows.horizon + 1)
    init, loss, predict = _functions(config.model, _widths(windows))

    def forecast(params: Params, origins: np.ndarray) -> np.ndarray:
        """Lower bound, centre and upper bound ``[N, horizon, 3]`` in the series' units, not yet calibrated."""
        padded = np.append(origins, np.full(-len(origins) % VALID_ORIGINS, origins[-1]))
        h = np.broadcast_to(horizons, (VALID_ORIGINS, len(horizons)))
        chunks = padded.reshape(-1, VALID_ORIGINS)  # One shape, however many origins.
        residual = np.concatenate([np.asarray(predict(params, windows.inputs(t, h))) for t in chunks])
        reference = windows.view.reference(origins[:, None], horizons)
        return reference[..., None] + windows.scale * residual[: len(origins)]

    def observed_after(origins: np.ndarray, first: int, values: np.ndarray) -> np.ndarray:
        """Observed values of days t + h from day ``first`` on; NaN elsewhere."""
        day = origins[:, None] + horizons
        known = (day >= first) & (day < len(values))
        return np.where(known, values[np.minimum(day, len(values) - 1)], np.nan)

    @kept
    def held_out(params: Params) -> tuple[np.ndarray, np.ndarray]:
        origins = windows.valid_origins()
        return forecast(params, origins), observed_after(origins, windows.trained_until + 1, windows.view.values)

    @kept
    def from_cutoff(params: Params) -> tuple[np.ndarray, np.ndarray]:
        last = np.array([cutoff])
        calibrated = widen(forecast(params, last), interval_factor(*held_out(params), COVERAGE))
        return calibrated, observed_after(last, cutoff + 1, all_values)

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        predicted, observed = held_out(params) if split == "valid" else from_cutoff(params)
        lower, centre, upper = np.moveaxis(predicted, -1, 0)
        return {"rmse": rmse(centre, observed), "coverage": coverage(lower, upper, observed)}

    def finish(params: Params, run_dir: Path) -> None:
        predicted, observed = from_cutoff(params)
        last = np.array([cutoff])
        dates = series.time(cutoff + horizons).astype("datetime64[D]")
        result = Forecast(dates, observed[0], *predicted[0].T)
        write_forecast(run_dir / FORECAST_FILE, result)
        past = np.arange(max(0, cutoff - YEAR), cutoff + 1)
        forecast_fan(
            run_dir / FAN_FILE,
            title=f"{config.model.cell.upper()}: forecast of {len(horizons)} days from {series.base.text(cutoff)}",
            value_label=series.label,
            history_dates=series.time(past).astype("datetime64[D]"),
            history=all_values[past],
            dates=dates,
            observed=result.observed,
            forecast=result.centre,
            lower=result.lower,
            upper=result.upper,
            reference=windows.view.reference(last, horizons),
            reference_label="mean of past years",
        )

    def inside(params: Params, number: int) -> Inside:
        """The year up to a cutoff is the one sequence that there is."""
        numbered((None,), number, "years up to the cutoff")
        history = windows.history(np.array([cutoff]), YEAR)
        record = seasonal_forecaster(config.model, _widths(windows)).apply(params, history, method="record")
        days = series.time(np.arange(cutoff - YEAR + 1, cutoff + 1)).astype("datetime64[D]")
        return look(f"the year up to {series.base.text(cutoff)}", [f"{day}" for day in days], record)

    return Task(
        init=init,
        batch=lambda step: windows.batch(config.train.seed, step),
        loss=loss,
        evaluate=evaluate,
        selects=("valid_rmse", "min"),
        finish=finish,
        inside=inside,
        settings={
            **settings,
            "task": "seasonal_forecasting",
            "data": dict(series.source),
            "cutoff": series.base.text(cutoff),
            "model": asdict(config.model),
            "windows": asdict(config.windows),
        },
    )


FORECAST_FILE = "forecast.csv"
FAN_FILE = "forecast.png"


class Forecast(NamedTuple):
    """A forecast beside what happened, one entry a day.

    Attributes:
      dates: ``datetime64[D] [horizon]``.
      observed: in the series' units; NaN where the day is missing.
      lower: lower bound of the 80 % interval.
      centre: the forecast.
      upper: upper bound of the 80 % interval.
    """

    dates: np.ndarray
    observed: np.ndarray
    lower: np.ndarray
    centre: np.ndarray
    upper: np.ndarray


def write_forecast(path: Path, forecast: Forecast) -> None:
    """Write a forecast as CSV, one row a day; a missing observation is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["date", *Forecast._fields[1:]])
        for date, *values in zip(*forecast, strict=True):
            rows.writerow([date, *("" if np.isnan(value) else repr(float(value)) for value in values)])


def read_forecast(path: Path) -> Forecast:
    """Return a forecast as written by `write_forecast`."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = ([float(row[name] or "nan") for row in rows] for name in Forecast._fields[1:])
    return Forecast(np.array([row["date"] for row in rows], "datetime64[D]"), *map(np.array, columns))


def _widths(windows: _Windows) -> tuple[int, int, int]:
    sample = windows.inputs(np.array([YEAR]), np.array([[1]]))
    return tuple(sample[name].shape[-1] for name in ("history", "known", "near"))


@cache  # All cutoffs of a configuration share these functions, and so what is compiled of them.
def _functions(config: SeasonalForecasterConfig, widths: tuple[int, int, int]) -> tuple[Any, Any, Any]:
    model = seasonal_forecaster(config, widths)

    def apply(params: Params, batch: Batch, key: jax.Array | None) -> jax.Array:
        return model.apply(params, batch["history"], batch["known"], batch["near"], batch["horizon"], key)

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        lower, centre, upper = jnp.moveaxis(apply(params, batch, key), -1, 0)
        target, weight = batch["target"], batch["weight"]
        total, count = huber(centre, target, weight)
        bounds = (pinball(lower, target, weight, LOWER)[0], pinball(upper, target, weight, UPPER)[0])
        return (total + sum(bounds), count), {"mse": squared(centre, target, weight)}

    return jax.jit(model.init), loss, jax.jit(lambda params, inputs: apply(params, inputs, None))
