"""Settings for a series that nobody has tuned for: parts, window, calendars and seasons, from base and length."""

import math
from dataclasses import dataclass, replace

import numpy as np

from lstm_gru.config import TrainConfig
from lstm_gru.data.calendar import fitting_calendars
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import WindowConfig
from lstm_gru.errors import InputError
from lstm_gru.models.forecaster import ForecasterConfig
from lstm_gru.tasks.forecasting import ForecastingConfig, Parts

FOLDS, TESTED_STEPS = 4, 100  # Folds at least, and as many more as it takes to test so many steps.
LONGEST_LOOKBACK = 336
SHORTEST_LOOKBACK = 24
FEWEST_WINDOWS = 20  # To train on.
ROWS_IN_A_BATCH = 64
VALID_ORIGINS = 200
TRAIN = TrainConfig(
    steps=1000, learning_rate=3e-3, warmup_steps=50, weight_decay=0.1, evaluate_every=50, log_every=50, patience=6
)
WIDTHS = {"rnn": 48, "lstm": 24, "gru": 28}  # About as many parameters, within a fifth whatever is read.
SECONDS = {"day": 86_400, "week": 7 * 86_400}
MONTHS_IN_A_YEAR, WEEKS_IN_A_YEAR = 12, 52


@dataclass(frozen=True)
class Plan:
    """How a series is cut, read and compared.

    Attributes:
      parts: where training and validation end; the rest are test folds, one horizon each.
      windows: what a window is.
      folds: number of test folds.
      seasons: periods in steps, shortest first, that a seasonal rule may repeat.
      valid_stride: steps between two origins of the validation part.
    """

    parts: Parts
    windows: WindowConfig
    folds: int
    seasons: tuple[int, ...]
    valid_stride: int

    def config(self, cell: str, seed: int) -> ForecastingConfig:
        """Return the settings of one cell's forecaster."""
        model = ForecasterConfig(cell=cell, features=WIDTHS[cell], head="decoder", relative=True)
        return ForecastingConfig(model, self.windows, replace(TRAIN, seed=seed), valid_stride=self.valid_stride)


def plan(series: Series, horizon: int, *, targets: int, logarithm: bool = False) -> Plan:
    """Return settings for a series.

    The last folds of one horizon each are the test, 4 or, of a short horizon, as many as have 100 steps or a tenth of
    the series, and fewer where training would not keep half of it; before them, two horizons or an eighth of the
    series, whichever is longer, choose the checkpoint. The window is the longest season of at most 336 steps,
    repeated up to 24 steps where it is shorter, and at most a third of what there is to train on.

    Args:
      series: the series.
      horizon: steps to forecast.
      targets: how many columns are forecast.
      logarithm: forecast log(1 + value).

    Raises:
      InputError: when the horizon is longer than the data allow, with the longest possible.
    """
    longest = _longest_horizon(len(series))
    if horizon > longest:
        possible = f"at most {longest} for {len(series)} values" if longest else "a longer series"
        raise InputError(f"{series.source['file']}: --horizon = {horizon}; expected {possible}")
    wished = max(FOLDS, -(-min(TESTED_STEPS, len(series) // 10) // horizon))
    folds = next(folds for folds in range(wished, 0, -1) if folds == 1 or _fits(len(series), horizon, folds))
    valid_end = len(series) - folds * horizon
    train_end = valid_end - _valid_length(len(series), horizon)
    seasons = tuple(season for season in seasons_of(series.base) if 2 * season <= train_end)
    windows = WindowConfig(
        lookback=_lookback(seasons, train_end, horizon),
        horizon=horizon,
        windows=max(1, ROWS_IN_A_BATCH // targets),
        calendar=fitting_calendars(series.base.step, train_end),
        logarithm=logarithm,
    )
    stride = max(1, (valid_end - train_end - horizon + 1) // VALID_ORIGINS)
    while any(math.gcd(stride, season) > 1 for season in seasons):  # Else some hours of the day would never come.
        stride += 1
    return Plan(Parts(train_end, valid_end, test_stride=horizon), windows, folds, seasons, stride)


def seasons_of(base: TimeBase) -> tuple[int, ...]:
    """Return the periods of day, week and year in steps, shortest first, where they are whole and longer than a step.

    Example:
      >>> seasons_of(TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(3600, "s")))
      (24, 168)
    """
    unit, step = np.datetime_data(base.step.dtype)[0], int(base.step.astype(int))
    if unit == "M":
        return (MONTHS_IN_A_YEAR // step,) if step < MONTHS_IN_A_YEAR and MONTHS_IN_A_YEAR % step == 0 else ()
    if step == SECONDS["week"]:
        return (WEEKS_IN_A_YEAR,)
    found = tuple(seconds // step for seconds in SECONDS.values() if seconds % step == 0 and seconds > step)
    return (*found, WEEKS_IN_A_YEAR * 7) if step == SECONDS["day"] else found


def _lookback(seasons: tuple[int, ...], train_end: int, horizon: int) -> int:
    season = max((season for season in seasons if season <= LONGEST_LOOKBACK), default=SHORTEST_LOOKBACK)
    wished = season * -(-SHORTEST_LOOKBACK // season)
    return max(1, min(wished, train_end // 3, train_end - horizon - FEWEST_WINDOWS + 1))


def _valid_length(length: int, horizon: int) -> int:
    return max(2 * horizon, length // 8)


def _fits(length: int, horizon: int, folds: int) -> bool:
    """Whether training keeps half of the series, and enough windows."""
    train_end = length - folds * horizon - _valid_length(length, horizon)
    return train_end >= max(length // 2, horizon + FEWEST_WINDOWS)


def _longest_horizon(length: int) -> int:
    """The longest horizon for which there are one test fold, two horizons of validation, and windows to train on."""
    with_two_horizons = (length - FEWEST_WINDOWS) // 4
    with_an_eighth = (length - _valid_length(length, 0) - FEWEST_WINDOWS) // 2
    return max(0, min(with_two_horizons, with_an_eighth))
