"""Times of any unit of ``datetime64``: refusals, ticks, and how they are written."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

DAYS_OR_LONGER = ("Y", "M", "D")


def require_times(name: str, times: np.ndarray) -> None:
    """Refuse anything but ascending times, of which there is at least one."""
    if not np.issubdtype(np.asarray(times).dtype, np.datetime64) or np.ndim(times) != 1:
        raise ValueError(f"{name}: {np.asarray(times).dtype} {np.shape(times)}, expected one axis of datetime64")
    if len(times) == 0:
        raise ValueError(f"{name}: empty, expected at least one")
    if np.any(np.isnat(times)) or not np.all(times[1:] > times[:-1]):
        raise ValueError(f"{name}: some are NaT or not in ascending order")


def written(time: np.datetime64, times: np.ndarray) -> str:
    """Return a time as a reader writes it, as fine as is needed to tell all the times apart.

    >>> five_minutes = np.datetime64("2012-03-01T00:00:00") + np.timedelta64(300, "s") * np.arange(3)
    >>> written(five_minutes[1], five_minutes)
    '2012-03-01 00:05'
    """
    return str(time.astype(f"datetime64[{_unit(times)}]")).replace("T", " ")


def axis_label(times: np.ndarray) -> str:
    """Return what stands below an axis of times: where its ticks are hours, the label has the day."""
    if _unit(times) in DAYS_OR_LONGER:
        return "date"
    first, last = times[[0, -1]].astype("datetime64[D]")
    return f"time on {first}" if first == last else f"time, {first} to {last}"


def date_ticks(axes: Axes) -> None:
    """Put ticks at round times, each written so that it can be read by itself."""
    # Every month carries its year, as the first one would not have it otherwise.
    formats = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
    firsts = ["", "%b %Y", "%b %Y", "%d %b", "%H:%M", "%H:%M:%S"]
    locator = _RoundTimes(minticks=4, maxticks=10)  # At least 5 cannot be had of spans just below five hours.
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(locator, formats=formats, zero_formats=firsts, show_offset=False)
    )


class _RoundTimes(AutoDateLocator):
    """Without the 29th or the 31st right before the 1st, whose names would stand upon each other."""

    def __call__(self) -> list[float]:
        ticks = super().__call__()
        gaps = np.diff(ticks, append=np.inf)
        widest = max(gaps[:-1], default=0)
        return [tick for tick, gap in zip(ticks, gaps, strict=True) if gap > widest / 2]


def _unit(times: np.ndarray) -> str:
    """The coarsest unit from days to seconds that all times are whole numbers of; months and years stay as given."""
    own, _ = np.datetime_data(times.dtype)
    if own in DAYS_OR_LONGER:
        return own
    return next((unit for unit in ("D", "m", "s") if np.all(times == times.astype(f"datetime64[{unit}]"))), own)
