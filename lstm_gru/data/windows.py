"""Windows of a series: what a forecaster reads up to an origin, and what it is to say of the steps after it.

An *origin* t is the index of the last value seen; its window is the ``lookback`` values up to t, its targets are those
at t + 1, ..., t + horizon. Values are scaled by what was observed before ``train_end``; a missing value is read as 0
with a mark of its own and never counts as a target.

Shapes: B windows, C series forecast with shared weights, L lookback, H horizon, S features of a past step that all
series share (calendar and exogenous columns), G calendar features of a future step.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lstm_gru.config import require, require_choice
from lstm_gru.data.calendar import CALENDARS, calendar_features
from lstm_gru.data.series import Series
from lstm_gru.errors import InputError

SCALINGS = ("standard", "range", "maximum")
Batch = dict[str, np.ndarray]


@dataclass(frozen=True)
class WindowConfig:
    """What a forecaster reads and forecasts."""

    lookback: int = 28
    """Values up to the origin that are read."""
    horizon: int = 7
    """Values after the origin that are forecast."""
    windows: int = 64
    """Windows in a batch, each with all series."""
    calendar: tuple[str, ...] = ()
    """Calendars whose features are read of past and future steps: day, week, months, year."""
    scaling: Literal["standard", "range", "maximum"] = "standard"
    """Mean 0 and deviation 1, or 0 to 1, of each series; maximum divides all by the largest value of all."""
    logarithm: bool = False
    """Forecast log(1 + value); values to forecast must be above -1."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        for name in ("lookback", "horizon", "windows"):
            require(self, name, low=1)
        require_choice(self, "scaling", SCALINGS)
        for name in self.calendar:
            if name not in CALENDARS:
                raise InputError(f"WindowConfig: calendar {name!r}; expected of {', '.join(CALENDARS)}")


class Scale(NamedTuple):
    """Between a series' own units and the network's: ``scaled = (f(value) - offset) / factor``.

    Attributes:
      offset: ``[C]``.
      factor: ``[C]``, above 0.
      logarithm: whether f(value) is log(1 + value), not the value itself, for the columns that are forecast.
    """

    offset: np.ndarray
    factor: np.ndarray
    logarithm: bool

    def to_network(self, values: np.ndarray, targets: int | None = None) -> np.ndarray:
        """Scale ``[..., C]``; the logarithm is of the first columns, so many as are forecast, or of all."""
        values = logarithm_of_first(values, targets) if self.logarithm else values
        return (values - self.offset) / self.factor

    def to_units(self, scaled: np.ndarray) -> np.ndarray:
        """Return ``[..., C]`` in the series' own units."""
        values = scaled * self.factor + self.offset
        return np.expm1(values) if self.logarithm else values


class Windows:
    """A series cut into windows.

    Args:
      series: the first ``targets`` columns are forecast, each as a series of its own; the others are read up to the
        origin only.
      config: what a window is.
      train_end: index of the first value that training may not use.
      targets: C; all columns when None.
      scale_end: index of the first value that may not be used for scaling; ``train_end`` when None.
      scale: a scale fitted before, of all columns, instead of one fitted here.

    Raises:
      InputError: when there are too few values for one window, a column is constant or missing throughout before
        ``scale_end``, or the logarithm is asked of values of -1 or less, wherever in the series they are.
    """

    def __init__(
        self,
        series: Series,
        config: WindowConfig,
        train_end: int,
        *,
        targets: int | None = None,
        scale_end: int | None = None,
        scale: Scale | None = None,
    ):
        self.series, self.config, self.train_end = series, config, train_end
        self.targets = len(series.names) if targets is None else targets
        if config.logarithm:
            _check_above(series, self.targets)
        self.scale = scale or _fitted_scale(series, config, train_end if scale_end is None else scale_end, self.targets)
        self._values = self.scale.to_network(series.values, self.targets).astype(np.float32)
        self._missing = np.isnan(self._values)
        self._values[self._missing] = 0
        self._future = np.arange(1, config.horizon + 1)
        self._ordered, self._permutation = None, None  # The last epoch's order, of which many batches read.

    @cached_property
    def train_origins(self) -> np.ndarray:
        """Origins whose window lies in the series and whose targets lie before ``train_end``, ascending.

        Raises:
          InputError: when there are none.
        """
        return self.origins(0, self.train_end)

    @cached_property
    def gaps(self) -> bool:
        """Whether any value of the series forecast is missing."""
        return bool(self._missing[:, : self.targets].any())

    @cached_property
    def deviations(self) -> np.ndarray:
        """Standard deviations ``[C, 1]`` of the series forecast before ``train_end``, in their units.

        Errors divided by them count alike for series of different size.
        """
        return np.nanstd(self.series.values[: self.train_end, : self.targets], axis=0)[:, None]

    def origins(self, first: int, end: int, stride: int = 1, *, whole: bool = True) -> np.ndarray:
        """Return the origins whose targets lie in ``first <= index < end``, every ``stride`` steps back from the last.

        Args:
          first: index of the first value that may be a target.
          end: index of the first value that may not.
          stride: steps between two origins.
          whole: False also takes the origins near the end, with at least one target before it.

        Raises:
          InputError: when there are none.
        """
        lookback, horizon = self.config.lookback, self.config.horizon
        least = horizon if whole else 1
        earliest, latest = max(first - 1, lookback - 1), end - least - 1
        if latest < earliest:
            raise InputError(
                f"{self.series.source['file']}: {end - max(0, first - lookback)} values are too few for one window; "
                f"expected at least {lookback + least} (lookback {lookback}, horizon {horizon})"
            )
        return np.arange(latest, earliest - 1, -stride)[::-1]

    def inputs(self, origins: np.ndarray) -> Batch:
        """Return what is read at origins ``[B]``.

        Returns:
          ``values [B, C, L]`` and ``missing [B, C, L]`` (1 where missing) of the series forecast, ``context [B, L, S]``
          of past steps: calendar, exogenous values and their marks, ``known [B, H, G]``: calendar of future steps.
        """
        values, missing, context, known = self._views
        first = origins - self.config.lookback + 1
        return {
            "values": values[first],
            "missing": missing[first].astype(np.float32),
            "context": np.swapaxes(context[first], 1, 2),
            "known": np.swapaxes(known[origins + 1], 1, 2),
        }

    @cached_property
    def _views(self) -> tuple[np.ndarray, ...]:
        """All windows, as views ``[first steps, columns, steps]`` of tables; a batch copies those that it reads."""
        lookback, horizon, others = self.config.lookback, self.config.horizon, slice(self.targets, None)
        times = self.series.time(np.arange(len(self.series) + horizon))  # What is forecast may lie after the series.
        calendar = calendar_features(times, self.config.calendar)
        context = calendar[: len(self.series)]
        if self.targets < self._values.shape[1]:  # Else a second table of millions of rows would be the same again.
            context = np.concatenate(
                [context, self._values[:, others], self._missing[:, others]], axis=1, dtype=np.float32
            )
        own = self._values[:, : self.targets], self._missing[:, : self.targets]
        return (
            *(sliding_window_view(table, lookback, axis=0) for table in (*own, context)),
            sliding_window_view(calendar, horizon, axis=0),
        )

    def targets_of(self, origins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scaled targets ``[B, C, H]`` and their weights, both 0 where missing or from ``train_end`` on."""
        target, weight = self._target_views
        return target[origins + 1], weight[origins + 1]

    @cached_property
    def _target_views(self) -> tuple[np.ndarray, np.ndarray]:
        weight = np.zeros((len(self.series) + self.config.horizon, self.targets), np.float32)
        end = min(self.train_end, len(self.series))
        weight[:end] = ~self._missing[:end, : self.targets]
        target = np.zeros_like(weight)
        target[:end] = self._values[:end, : self.targets]  # 0 where missing already.
        return tuple(sliding_window_view(table, self.config.horizon, axis=0) for table in (target, weight))

    def observed(self, origins: np.ndarray) -> np.ndarray:
        """Return the targets ``[B, C, H]`` in the series' units; NaN where missing or after the series' end."""
        future = origins[:, None] + self._future
        values = self.series.values[np.minimum(future, len(self.series) - 1), : self.targets]
        return np.swapaxes(np.where((future < len(self.series))[..., None], values, np.nan), 1, 2)

    def batch(self, seed: int, step: int) -> Batch:
        """Return the windows of one update with ``target`` and ``weight``, a pure function of (seed, step).

        Every epoch reads the origins in an order of its own; the last batch of an epoch goes on into the next one.
        """
        size, count = self.config.windows, len(self.train_origins)
        epoch, first = divmod(step * size, count)
        parts = []
        while size > 0:
            parts.append(self._order(seed, epoch)[first : first + size])
            size, epoch, first = size - len(parts[-1]), epoch + 1, 0
        origins = self.train_origins[np.concatenate(parts)]
        target, weight = self.targets_of(origins)
        return {**self.inputs(origins), "target": target, "weight": weight}

    def to_units(self, scaled: np.ndarray) -> np.ndarray:
        """Return forecasts ``[B, C, H, ...]`` in the series' units."""
        last = np.moveaxis(scaled.astype(np.float64), 1, -1)
        own = self.scale._replace(offset=self.scale.offset[: self.targets], factor=self.scale.factor[: self.targets])
        return np.moveaxis(own.to_units(last), -1, 1)

    def _order(self, seed: int, epoch: int) -> np.ndarray:
        if self._ordered != (seed, epoch):
            self._permutation = np.random.default_rng((seed, epoch)).permutation(len(self.train_origins))
            self._ordered = (seed, epoch)
        return self._permutation


def logarithm_of_first(values: np.ndarray, count: int | None) -> np.ndarray:
    """Return ``[..., C]`` with log(1 + value) in place of the first columns, or of all."""
    count = values.shape[-1] if count is None else count
    return np.concatenate([np.log1p(values[..., :count]), values[..., count:]], axis=-1)


def _check_above(series: Series, targets: int) -> None:
    for name, column in zip(series.names[:targets], series.values.T, strict=False):
        if (low := np.flatnonzero(column <= -1)).size:
            when, value = series.base.text(int(low[0])), column[low[0]]
            raise InputError(
                f"{series.source['file']}: column {name!r} has {value:g} at {when}; the logarithm needs values above -1"
            )


def _fitted_scale(series: Series, config: WindowConfig, end: int, targets: int) -> Scale:
    seen, file = series.values[:end], series.source["file"]
    for name, column in zip(series.names, seen.T, strict=True):
        values = column[~np.isnan(column)]
        if not len(values) or values.min() == values.max():
            what = "no value" if not len(values) else f"the constant {values[0]:g}"
            raise InputError(f"{file}: column {name!r} is {what} in the training part; nothing to learn")
    seen = logarithm_of_first(seen, targets) if config.logarithm else seen
    zero, one = np.zeros(seen.shape[1]), np.ones(seen.shape[1])
    offset, factor = {
        "standard": lambda: (np.nanmean(seen, axis=0), np.nanstd(seen, axis=0)),
        "range": lambda: (np.nanmin(seen, axis=0), np.nanmax(seen, axis=0) - np.nanmin(seen, axis=0)),
        "maximum": lambda: (zero, one * np.nanmax(np.abs(seen))),
    }[config.scaling]()
    return Scale(offset, factor, config.logarithm)
