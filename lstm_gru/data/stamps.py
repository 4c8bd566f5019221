"""How dates and times are written in files, and which way a file writes them.

A form rewrites a stamp as ISO 8601, and NumPy reads whole columns of these and knows the calendar.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from lstm_gru.data.timebase import regularity
from lstm_gru.errors import InputError

YEAR, MONTH, DAY = r"(?P<year>\d{4})", r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.0+)?)?(?: ?(?P<half>[AaPp][Mm]))?"
ZONE = r"(?P<zone> ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))"


class Form(NamedTuple):
    """A way to write dates and times.

    Attributes:
      name: as users know it.
      rewrite: a stamp ↦ the same as ISO 8601 to the second, without zone, and the zone as it stands behind it ("" for
        none); ValueError where the stamp has another form.
    """

    name: str
    rewrite: Callable[[str], tuple[str, str]]


def _dated(name: str, date: str) -> Form:
    """A date by itself, or with a time of day, or with this and a zone."""
    pattern = re.compile(f"{date}(?:(?:T| +){CLOCK})?{ZONE}?", re.ASCII)

    def rewrite(text: str) -> tuple[str, str]:
        match = pattern.fullmatch(text)
        if match is None:
            raise ValueError(text)
        year, month, day, hour, minute, second = match.group("year", "month", "day", "hour", "minute", "second")
        if half := match["half"]:
            hour = _hour_of_day(int(hour), half)
        return f"{year}-{month:0>2}-{day:0>2}T{hour or 0:0>2}:{minute or '00'}:{second or '00'}", match["zone"] or ""

    return Form(name, rewrite)


def _hour_of_day(hour: int, half: str) -> int:
    if not 1 <= hour <= 12:
        raise ValueError(f"{hour} {half}")
    return hour % 12 + 12 * (half.lower() == "pm")


def _month(text: str) -> tuple[str, str]:
    if not re.fullmatch(r"\d{4}-\d\d", text, re.ASCII):
        raise ValueError(text)
    return f"{text}-01T00:00:00", ""


def _unix(text: str) -> tuple[str, str]:
    if not re.fullmatch(r"\d{10}", text, re.ASCII):
        raise ValueError(text)
    return datetime.fromtimestamp(int(text), UTC).isoformat()[:19], "Z"


FORMS = (
    _dated("YYYY-MM-DD", f"{YEAR}-{MONTH}-{DAY}"),
    _dated("MM/DD/YYYY", f"{MONTH}/{DAY}/{YEAR}"),
    _dated("DD/MM/YYYY", f"{DAY}/{MONTH}/{YEAR}"),
    _dated("DD.MM.YYYY", rf"{DAY}\.{MONTH}\.{YEAR}"),
    _dated("YYYY/MM/DD", f"{YEAR}/{MONTH}/{DAY}"),
    Form("YYYY-MM", _month),
    Form("Unix seconds (ten digits)", _unix),
)
EXAMPLES = "2024-01-31, 2024-01-31T23:55:00Z, 31.01.2024 23:55, 01/31/2024 11:55 PM or 2024-01"


def strptime_form(pattern: str) -> Form:
    """Return the form that ``--date-format`` gives by a pattern for `datetime.datetime.strptime`."""

    def rewrite(text: str) -> tuple[str, str]:
        try:
            moment = datetime.strptime(text, pattern)
        except re.error as error:  # As of a pattern that has the year twice.
            raise ValueError(text) from error
        if moment.microsecond:
            raise ValueError(text)
        iso = moment.isoformat()
        return iso[:19], iso[19:]

    return Form(f"--date-format {pattern!r}", rewrite)


def infer_form(texts: Sequence[str], place: Callable[[int], str]) -> Form:
    """Return the one of `FORMS` in which all stamps are written, by which their steps are most regular.

    Args:
      texts: the stamps of a file's first rows, ``[N]`` with N ≥ 1.
      place: where a row stands, as "views.csv: line 3, column 'ts'".

    Raises:
      InputError: when no form fits all, naming the first row that does not; when two fit equally well, with both
        readings of the first row.

    Example:
      >>> infer_form(["01/12/2024", "01/13/2024"], str).name
      'MM/DD/YYYY'
    """
    readings = {form: times for form in FORMS if (times := _times(form, texts)) is not None}
    if not readings:
        raise _no_form(texts, place)
    scores = {form: regularity(times) for form, times in readings.items()}
    best = [form for form, score in scores.items() if score == max(scores.values())]
    if len(best) > 1:
        a, b = (f"{readings[form][0]} ({form.name})" for form in best)
        raise InputError(
            f"{place(0)}: {texts[0]!r} may be {a} or {b}, and the rows after it do not tell; "
            "--date-format decides, as a pattern of strptime, such as '%m/%d/%Y' or '%d/%m/%Y %H:%M'"
        )
    return best[0]


def read_stamps(form: Form, texts: Sequence[str], place: Callable[[int], str]) -> tuple[np.ndarray, Sequence[str]]:
    """Return the times of stamps, ``datetime64[s] [N]`` without their zones, and the zone of each.

    Raises:
      InputError: naming the row whose stamp has not this form or does not exist in the calendar.

    Example:
      >>> read_stamps(strptime_form("%d %b %Y"), ["5 Jan 2024"], str)
      (array(['2024-01-05T00:00:00'], dtype='datetime64[s]'), ('',))
    """
    try:
        return _read(form, texts)
    except ValueError:
        raise _other_form(form, texts, _rows_in_form(form, texts), place) from None


def _read(form: Form, texts: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    rewritten, zones = zip(*map(form.rewrite, texts), strict=True)
    return np.array(rewritten, "datetime64[s]"), zones


def _times(form: Form, texts: Sequence[str]) -> np.ndarray | None:
    try:
        return _read(form, texts)[0]
    except ValueError:
        return None


def _rows_in_form(form: Form, texts: Sequence[str]) -> int:
    """The number of rows before the first that has another form; there must be one."""
    return next(row for row, text in enumerate(texts) if _times(form, [text]) is None)


def _other_form(form: Form, texts: Sequence[str], row: int, place: Callable[[int], str]) -> InputError:
    return InputError(
        f"{place(row)}: {texts[row]!r} is not a date or time of the form {form.name}; expected it in every row, "
        "in whole seconds"
    )


def _no_form(texts: Sequence[str], place: Callable[[int], str]) -> InputError:
    """The error of the row up to which the best form reaches."""
    row, form = max(((_rows_in_form(form, texts), form) for form in FORMS), key=lambda pair: pair[0])
    if row:
        return _other_form(form, texts, row, place)
    return InputError(
        f"{place(0)}: {texts[0]!r} is not a date or time that is recognised; expected one such as {EXAMPLES}, "
        "or its pattern by --date-format"
    )
