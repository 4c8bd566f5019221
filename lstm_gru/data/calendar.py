"""What the calendar says of a time: features that are known for the future, too.

Times are ``datetime64`` of any unit, as written in the data: no time zone is applied.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

DAY_SECONDS = 86_400
YEAR_DAYS = 365.25


class Calendar(NamedTuple):
    """One periodic feature of times.

    Attributes:
      place: ``datetime64 [...] -> int [...]``, where in the period a time lies.
      features: ``() -> float32 [places, G]``, what is said of each place; made when first asked for.
    """

    place: Callable[[np.ndarray], np.ndarray]
    features: Callable[[], np.ndarray]


def _harmonics(share: np.ndarray, count: int) -> np.ndarray:
    angle = 2 * np.pi * share[..., None] * np.arange(1, count + 1)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=-1).astype(np.float32)


def _second(times: np.ndarray) -> np.ndarray:
    return (times - times.astype("datetime64[D]")).astype("timedelta64[s]").astype(int)


def _weekday(times: np.ndarray) -> np.ndarray:
    return (times.astype("datetime64[D]").astype(int) + 3) % 7  # 1970-01-01 was a Thursday.


def _month(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[M]").astype(int) % 12


def _day_of_year(times: np.ndarray) -> np.ndarray:
    return (times.astype("datetime64[D]") - times.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)


CALENDARS = {
    # Four harmonics of the time of day.
    "day": Calendar(_second, cache(lambda: _harmonics(np.arange(DAY_SECONDS) / DAY_SECONDS, 4))),
    # Which day of the week it is, Monday first.
    "week": Calendar(_weekday, cache(lambda: np.eye(7, dtype=np.float32))),
    "months": Calendar(_month, cache(lambda: np.eye(12, dtype=np.float32))),
    # Three harmonics of the time of year.
    "year": Calendar(_day_of_year, cache(lambda: _harmonics(np.arange(366) / YEAR_DAYS, 3))),
}


def calendar_features(times: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the features of these calendars side by side.

    Args:
      times: ``datetime64 [...]``.
      names: of `CALENDARS`.

    Returns:
      float32 ``[..., G]``, each between -1 and 1; G is 0 without names.

    Example:
      >>> calendar_features(np.array(["2024-01-01"], "datetime64[D]"), ("week",)).tolist()
      [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    widths = [CALENDARS[name].features().shape[1] for name in names]
    joined, first = np.empty((*times.shape, sum(widths)), np.float32), 0
    for name, width in zip(names, widths, strict=True):  # One after the other: there may be millions of times.
        joined[..., first : first + width] = CALENDARS[name].features()[CALENDARS[name].place(times)]
        first += width
    return joined


def fitting_calendars(step: np.timedelta64, steps: int) -> tuple[str, ...]:
    """Return the calendars that a series of this time base can tell something about.

    A calendar is taken when the series is finer than its period and has seen it at least twice.

    Args:
      step: between two values; ``timedelta64[M]`` for months.
      steps: how many values there are to learn from.
    """
    if np.datetime_data(step.dtype)[0] in ("M", "Y"):
        months = step.astype("timedelta64[M]").astype(int)
        return ("months",) if months < 12 and months * steps >= 24 else ()
    days = step / np.timedelta64(1, "D")
    periods = {"day": 1.0, "week": 7.0, "year": YEAR_DAYS}
    return tuple(name for name, period in periods.items() if days <= period / 2 and days * steps >= 2 * period)
