"""The regular grid of times on which a series has its values, and how it is recognised from the stamps of a file."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from lstm_gru.errors import InputError

MOST_ROWS = 100_000_000
BLOCK = 1 << 16  # Rows looked at together, so that no second array of all rows is needed.
SECOND, DAY, MONTH = np.timedelta64(1, "s"), np.timedelta64(86_400, "s"), np.timedelta64(1, "M")
ONE_DAY = np.timedelta64(1, "D")  # Of dates, which DAY would turn into times.
NO_TIME = 0 * SECOND
SHORTEST_MONTH, LONGEST_MONTH = 28, 31
UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": 7 * DAY, "M": MONTH, "MS": MONTH}
MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.0+)?)?)?)?)?", re.ASCII)

SINGLE = {
    "s": {1: "every second", 60: "every minute", 3600: "hourly", 86_400: "daily", 604_800: "weekly"},
    "M": {1: "monthly", 3: "quarterly", 12: "yearly"},
}
PLURAL = {
    "s": {604_800: "weeks", 86_400: "days", 3600: "hours", 60: "minutes", 1: "seconds"},
    "M": {12: "years", 1: "months"},
}


@dataclass(frozen=True)
class TimeBase:
    """Times at a fixed distance, or on one day of calendar months.

    Equation: ``time(k) = start + k·step``; of months, the day ``day`` of that month, its last where it has fewer.

    Attributes:
      start: the first time, ``datetime64[s]``, or the first month, ``datetime64[M]``.
      step: ``timedelta64`` in the same unit.
      zone: time zone as the stamps have it behind them ("Z", "+01:00"); "" where they have none.
      day: of months only, the day on which the stamps lie; 31 is the last day of every month.
      clock: of months only, the time of that day.
    """

    start: np.datetime64
    step: np.timedelta64
    zone: str = ""
    day: int = 1
    clock: np.timedelta64 = NO_TIME

    def time(self, index: int | np.ndarray) -> np.ndarray:
        """Return the time of an index, or the times of an array of them, ``datetime64[s]`` in the series' zone."""
        time = self.start + np.asarray(index) * self.step
        return self._on_its_day(time) if self._in_months else time

    def index(self, time: str | np.datetime64) -> int:
        """Return the index of a time; it may lie before or after the series.

        Args:
          time: as `text` writes it, or shorter: a day is its midnight, and of a grid of months the month is enough.

        Raises:
          InputError: when it is no time, or not on the grid.

        Example:
          >>> TimeBase(np.datetime64("2020-01", "M"), np.timedelta64(3, "M")).index("2020-10-01")
          3
        """
        moment = self._moment(str(time).removesuffix(self.zone))
        if np.isnat(moment):
            raise InputError(f"{time} is not a date or time; expected one such as {self.text(0)}")
        if self._in_months and _unit(moment) == "M":
            moment = self._on_its_day(moment)
        index = int(self.nearest(moment.astype("datetime64[s]")))
        if self.time(index) != moment:
            raise InputError(f"{time} is not a time of the series, which is {self} from {self.text(0)}")
        return index

    def nearest(self, times: np.ndarray) -> np.ndarray:
        """Return the indices of times ``datetime64[s]`` on the grid; of others, that of a neighbour on it."""
        return (times.astype(self.start.dtype) - self.start) // self.step

    def text(self, index: int) -> str:
        """Return how a time is written in files: ISO, as a date where all times are midnights, and then the zone.

        Example:
          >>> TimeBase(np.datetime64("2020-01-01T00:00:00"), np.timedelta64(1800, "s"), "Z").text(3)
          '2020-01-01T01:30:00Z'
        """
        clock = self.clock if self._in_months else self.start - self.start.astype("datetime64[D]")
        midnights = clock == NO_TIME and (self._in_months or self.step % DAY == NO_TIME)
        return str(np.datetime_as_string(self.time(index), unit="D" if midnights else "s")) + self.zone

    def describe(self) -> str:
        """Return the step in words, such as "daily" or "every 5 minutes".

        Example:
          >>> TimeBase(np.datetime64("2020-01-01T00:00:00"), np.timedelta64(300, "s")).describe()
          'every 5 minutes'
        """
        unit, count = _unit(self.step), int(self.step.astype(int))
        if count in SINGLE[unit]:
            return SINGLE[unit][count]
        size = next(size for size in PLURAL[unit] if count % size == 0)
        return f"every {count // size} {PLURAL[unit][size]}"

    def __str__(self) -> str:
        return self.describe()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimeBase) and repr(self) == repr(other)  # NumPy compares no months with seconds.

    def __hash__(self) -> int:
        return hash(repr(self))

    @property
    def _in_months(self) -> bool:
        return _unit(self.step) == "M"

    def _on_its_day(self, months: np.ndarray) -> np.ndarray:
        first, next_first = months.astype("datetime64[D]"), (months + MONTH).astype("datetime64[D]")
        return np.minimum(first + (self.day - 1) * ONE_DAY, next_first - ONE_DAY).astype("datetime64[s]") + self.clock

    @staticmethod
    def _moment(text: str) -> np.datetime64:
        if MOMENT.fullmatch(text):  # NumPy would also know "today".
            with suppress(ValueError):  # As the 30th of February.
                return np.datetime64(text)
        return np.datetime64("NaT", "s")


def parse_frequency(text: str) -> np.timedelta64:
    """Return the step that ``--freq`` gives, in seconds or calendar months.

    Args:
      text: a number, 1 where it is left out, and one of s, min, h, D, W and M (or MS) for months.

    Raises:
      InputError: listing the forms.

    Example:
      >>> parse_frequency("15 min")
      np.timedelta64(900,'s')
    """
    number, unit = re.fullmatch(r"(\d{0,6}) *(.*)", text.strip(), re.ASCII | re.DOTALL).groups()
    step = UNITS.get(unit) or UNITS.get(unit.lower())  # Only M is told from m, which might mean minutes.
    if step is None or number.strip("0") == "" != number:
        raise InputError(
            f"--freq = {text!r}; expected a number and a unit: s, min, h, D (days), W (weeks) or M (months), "
            "such as 5min, 1h, D or 3M"
        )
    return int(number or 1) * step


def infer_base(
    times: np.ndarray, place: Callable[[int], str], *, zone: str = "", frequency: np.timedelta64 | None = None
) -> TimeBase:
    """Return the grid on which the rows of a file lie; some of it may have no row, but each row must be on it.

    The step is the most common difference of neighbouring rows, the shortest of these where several are. It is
    counted in calendar months when the rows lie on one day of their months, or all on the last.

    Args:
      times: ``datetime64[s] [N]``, N ≥ 1, ascending.
      place: where a row stands, as "views.csv: line 3, column 'ts'".
      zone: time zone of all rows.
      frequency: the step as of `parse_frequency`; None infers it.

    Raises:
      InputError: on a single row, on a row off the grid, and on a grid of more than 100 million rows.
    """
    if len(times) < 2:
        raise InputError(f"{place(0)}: this is the only row; expected at least two, which tell how far apart times are")
    counts, calendar = _steps(times)
    step = frequency
    if step is None:
        step = np.timedelta64(max(counts, key=lambda step: (counts[step], -step)), "M" if calendar else "s")
    if _unit(step) == "M":
        base = TimeBase(times[0].astype("datetime64[M]"), step, zone, *(calendar or _calendar(times[:1])))
    else:
        base = TimeBase(times[0], step, zone)
    _check_rows(base, times, place)
    _check_length(base, times, place)
    return base


def regularity(times: np.ndarray) -> float:
    """Return which share of the steps is the most common step; 0 when times ``datetime64[s] [N]`` do not ascend."""
    if len(times) < 2:
        return 1.0
    if (np.diff(times) <= NO_TIME).any():
        return 0.0
    counts, _ = _steps(times)
    return max(counts.values()) / (len(times) - 1)


def _unit(time: np.datetime64 | np.timedelta64) -> str:
    return np.datetime_data(time.dtype)[0]


def _steps(times: np.ndarray) -> tuple[Counter[int], tuple[int, np.timedelta64] | None]:
    """How often each step occurs, in months if these fit, and then the day and the time of day; else in seconds."""
    counts = _count_steps(times)  # The shortest spares a look at millions of rows that are not months.
    calendar = _calendar(times) if min(counts) * SECOND >= SHORTEST_MONTH * DAY else None
    return (_count_steps(times.astype("datetime64[M]")), calendar) if calendar else (counts, None)


def _count_steps(times: np.ndarray) -> Counter[int]:
    counts = Counter()
    for first in range(0, len(times) - 1, BLOCK):
        steps, found = np.unique(np.diff(times[first : first + BLOCK + 1]).astype(int), return_counts=True)
        counts.update(dict(zip(steps.tolist(), found.tolist(), strict=True)))
    return counts


def _calendar(times: np.ndarray) -> tuple[int, np.timedelta64] | None:
    """The day of the month and the time of day that all rows share; day 31 if each is the last of its month."""
    months, dates = times.astype("datetime64[M]"), times.astype("datetime64[D]")
    first, next_first = months.astype("datetime64[D]"), (months + MONTH).astype("datetime64[D]")
    lasts, days, clocks = ((next_first - first).astype(int), (dates - first).astype(int) + 1, times - dates)
    day = LONGEST_MONTH if (days == lasts).all() else int(days.max())
    fits = (clocks == clocks[0]).all() and (days == np.minimum(day, lasts)).all()
    return (day, clocks[0]) if fits else None


def _check_rows(base: TimeBase, times: np.ndarray, place: Callable[[int], str]) -> None:
    for first in range(0, len(times), BLOCK):
        block = times[first : first + BLOCK]
        off = np.flatnonzero(base.time(base.nearest(block)) != block)
        if len(off):
            row = first + int(off[0])
            raise InputError(
                f"{place(row)}: {times[row]}{base.zone} is off the grid, which is {base} from {base.text(0)}; "
                "a finer step, given by --freq, may hold all rows"
            )


def _check_length(base: TimeBase, times: np.ndarray, place: Callable[[int], str]) -> None:
    length = int(base.nearest(times[-1])) + 1
    if length > MOST_ROWS:
        row = int(np.diff(times).argmax()) + 1
        raise InputError(
            f"{place(row)}: from {times[row - 1]} to {times[row]} there is a gap that makes {length:,} rows, {base}; "
            f"expected at most {MOST_ROWS:,}, by a right date or a longer step, given by --freq"
        )
