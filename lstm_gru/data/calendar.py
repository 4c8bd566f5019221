"""What the calendar says of a time: features that are known for the future, too.

Times are ``datetime64`` of any unit, as written in the data: no time zone is applied.
"""

import numpy as np

DAY_SECONDS = 86_400
YEAR_DAYS = 365.25


def time_of_day(times: np.ndarray) -> np.ndarray:
    """Return four harmonics of the time of day, ``[..., 8]``: sin and cos of ``2πk · share of the day``."""
    day = times.astype("datetime64[D]")
    return _harmonics((times - day).astype("timedelta64[s]").astype(float) / DAY_SECONDS, 4)


def weekday(times: np.ndarray) -> np.ndarray:
    """Return which day of the week it is, ``[..., 7]`` of 0 and 1, Monday first."""
    return np.eye(7)[(times.astype("datetime64[D]").astype(int) + 3) % 7]  # 1970-01-01 was a Thursday.


def month(times: np.ndarray) -> np.ndarray:
    """Return which month of the year it is, ``[..., 12]`` of 0 and 1."""
    return np.eye(12)[times.astype("datetime64[M]").astype(int) % 12]


def time_of_year(times: np.ndarray) -> np.ndarray:
    """Return three harmonics of the time of year, ``[..., 6]``, over 365.25 days."""
    since = times.astype("datetime64[D]") - times.astype("datetime64[Y]").astype("datetime64[D]")
    return _harmonics(since.astype(float) / YEAR_DAYS, 3)


CALENDARS = {"day": time_of_day, "week": weekday, "months": month, "year": time_of_year}


def calendar_features(times: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the features of these calendars side by side.

    Args:
      times: ``datetime64 [...]``.
      names: of `CALENDARS`.

    Returns:
      ``[..., G]``, each between -1 and 1; G is 0 without names.

    Example:
      >>> calendar_features(np.array(["2024-01-01"], "datetime64[D]"), ("week",)).tolist()
      [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    return np.concatenate([np.zeros((*times.shape, 0)), *(CALENDARS[name](times) for name in names)], axis=-1)


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


def _harmonics(share: np.ndarray, count: int) -> np.ndarray:
    angle = 2 * np.pi * share[..., None] * np.arange(1, count + 1)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=-1)
