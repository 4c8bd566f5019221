"""A trained forecaster from its run directory, for any newer data of the same columns and time base."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from lstm_gru.config import from_settings
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import Scale, WindowConfig, Windows
from lstm_gru.errors import InputError
from lstm_gru.files import no_run_of
from lstm_gru.metrics import widen
from lstm_gru.models.forecaster import ForecasterConfig, forecaster
from lstm_gru.task import Params
from lstm_gru.tasks.forecasting import FORECASTS_FILE, read_forecasts, rolled, widths_of
from lstm_gru.training.loop import fitted
from lstm_gru.training.run_directory import finished_task

FORECASTING = "forecasting"  # The task, by its name in a run's settings.


class Columns(NamedTuple):
    """Where a forecaster's series stand in a file.

    Attributes:
      time: column of the times.
      values: columns that are forecast.
      exogenous: columns that are read up to the origin only.
      step: the time base's step as `numpy.timedelta64` takes it, count and unit.
      zone: of the times, as the file writes it behind them; "" where it has none.
    """

    time: str
    values: tuple[str, ...]
    exogenous: tuple[str, ...]
    step: tuple[int, str]
    zone: str

    @property
    def all(self) -> tuple[str, ...]:
        """The columns of the series, those that are forecast first."""
        return (*self.values, *self.exogenous)

    def check(self, series: Series) -> None:
        """Raise `InputError` when a series has another step or time zone: its hours would be others."""
        base = TimeBase(series.base.start, np.timedelta64(*self.step))
        if series.base.step != base.step:
            raise InputError(
                f"{series.source['file']}: {series.base.describe()} data; this forecaster reads {base.describe()} ones"
            )
        if series.base.zone != self.zone:
            raise InputError(
                f"{series.source['file']}: times in {series.base.zone or 'no zone'}; this forecaster was trained on "
                f"times in {self.zone or 'no zone'}"
            )


class Network(NamedTuple):
    """A trained forecaster.

    Attributes:
      model: settings of the model.
      windows: settings of its windows.
      columns: what it reads.
      scale: fitted on what it was trained on.
      factor: by which its bounds are moved from the centre.
      params: chosen on validation.
    """

    model: ForecasterConfig
    windows: WindowConfig
    columns: Columns
    scale: Scale
    factor: float
    params: Params

    def forecast(self, series: Series) -> np.ndarray:
        """Return lower bound, centre and upper bound ``[C, H, 3]`` of the steps after a series' end, in its units.

        Raises:
          InputError: when the series is shorter than the window, or a column has no value in it.
        """
        windows = self._windows(series)
        apply = jax.jit(forecaster(self.model, widths_of(self.windows, len(self.columns.exogenous))).apply)

        def predict(inputs: dict[str, np.ndarray]) -> jax.Array:
            read = (inputs[name] for name in ("values", "missing", "context", "known"))
            return apply(self.params, *read, None)

        return widen(rolled(windows, predict, np.array([len(series) - 1])), self.factor)[0]

    def _windows(self, series: Series) -> Windows:
        if len(series) < self.windows.lookback:
            raise InputError(
                f"{series.source['file']}: {len(series)} values; this forecaster reads the last {self.windows.lookback}"
            )
        for name, column in zip(self.columns.values, series.values.T, strict=False):
            if np.isnan(column[-self.windows.lookback :]).all():
                raise InputError(
                    f"{series.source['file']}: column {name!r} is missing throughout the last {self.windows.lookback} "
                    "steps, which are all that this forecaster reads"
                )
        return Windows(series, self.windows, len(series), targets=len(self.columns.values), scale=self.scale)


def load_network(run_dir: Path) -> Network:
    """Return the forecaster of a finished run, with the parameters that were chosen on validation.

    Args:
      run_dir: the run's directory; nothing else is read.

    Raises:
      InputError: when it holds no finished run of ``lstm-gru forecast``.
      RunError: when a checkpoint is damaged or belongs to another model.
    """
    settings = finished_task(run_dir, FORECASTING)
    try:
        stored = settings["read"]
        values = (stored[name] for name in Columns._fields)
        columns = Columns(*(tuple(value) if isinstance(value, list) else value for value in values))
        model = from_settings(ForecasterConfig, settings["model"])
        windows = from_settings(WindowConfig, settings["windows"])
        scale = Scale(
            *(np.asarray(settings["scale"][name]) for name in Scale._fields[:2]), settings["scale"]["logarithm"]
        )
    except (KeyError, TypeError) as error:
        raise no_run_of(run_dir, "config.json describes no forecaster of a file's columns", FORECASTING) from error
    factor = float(read_forecasts(run_dir / FORECASTS_FILE).factor)
    init = forecaster(model, widths_of(windows, len(columns.exogenous))).init
    params = fitted(run_dir, jax.eval_shape(init, jax.random.key(0))).params
    return Network(model, windows, columns, scale, factor, params)
