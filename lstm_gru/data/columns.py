"""Columns of a text file as numbers on a regular time base, read in chunks: what `lstm_gru.data.tables` is made of."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice, repeat
from typing import BinaryIO

import numpy as np

from lstm_gru.data.delimited import read_table
from lstm_gru.data.stamps import Form, infer_form, read_stamps, strptime_form
from lstm_gru.data.timebase import BLOCK, TimeBase, infer_base
from lstm_gru.errors import InputError

CHUNK_CELLS = 1 << 14
MISSING = {"", "na", "nan", "null", "none", "-"}


def read_columns(
    stream: BinaryIO,
    file: str,
    *,
    time_column: str,
    value_columns: Sequence[str],
    frequency: np.timedelta64 | None = None,
    date_format: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[TimeBase, np.ndarray]:
    """Return the time base of a file's rows and their values, float64 ``[T, C]``; NaN where missing, never filled.

    In memory are 8 + 8·C bytes for each row, and the text of one chunk of rows.

    Args:
      stream: the file's content, unpacked.
      file: its name, for messages.
      time_column: column of dates or times.
      value_columns: names of the C columns of numbers, C ≥ 1.
      frequency: the step as of `lstm_gru.data.timebase.parse_frequency`; None infers it.
      date_format: pattern of strptime; None infers the form of the stamps.
      progress: called after each chunk with the number of rows up to there.

    Raises:
      InputError: see `lstm_gru.data.tables.read_series`.
    """
    if not value_columns:
        raise InputError(f"{file}: no column of values is asked for; expected at least one")
    table = read_table(stream, file, (time_column, *value_columns))
    stamps = StampColumn(file, time_column, strptime_form(date_format) if date_format else None)
    values = array("d")
    while chunk := list(islice(table.rows, max(1, CHUNK_CELLS // (1 + len(value_columns))))):
        lines, rows = zip(*chunk, strict=True)
        texts, *columns = zip(*rows, strict=True)
        stamps.append(lines, [text.strip() for text in texts])
        numbers = [
            _numbers(cells, partial(_place, file, name, lines), table.delimiter)
            for name, cells in zip(value_columns, columns, strict=True)
        ]
        values.frombytes(np.stack(numbers, axis=1).tobytes())
        if progress:
            progress(len(stamps.times))
    if not values:
        raise InputError(f"{file}: no rows below the header; expected at least two")
    times = np.frombuffer(stamps.times, "datetime64[s]")
    base = infer_base(times, stamps.place, zone=stamps.zone, frequency=frequency)
    return base, _on_base(values, len(value_columns), times, base)


class StampColumn:
    """The stamps of a file while they are read, in ascending order and all of one form and zone.

    Args:
      file: the file's name, for messages.
      column: the column's name, for messages.
      form: how stamps are written; None infers it from the first chunk of rows.

    Attributes:
      times: seconds since 1970, of the stamps without their zone.
      zone: of all stamps.
    """

    def __init__(self, file: str, column: str, form: Form | None):
        self.times, self.zone = array("q"), ""
        self._file, self._column, self._form = file, column, form
        self._lines, self._last = LineNumbers(), ""

    def append(self, lines: Sequence[int], texts: Sequence[str]) -> None:
        """Add the next rows.

        Args:
          lines: their line numbers.
          texts: their stamps, without spaces around them.

        Raises:
          InputError: naming line and column, on a stamp that cannot be read, that has another zone than the first, or
            that does not come after the one before.
        """
        before = len(self.times)
        self._lines.append(lines)

        def place(row: int) -> str:
            return self.place(before + row)

        self._form = self._form or infer_form(texts, place)
        times, zones = read_stamps(self._form, texts, place)
        self.zone = self.zone if before else zones[0]
        self._check_zones(zones, texts, before)
        self._check_order(times.view(int), texts, before)
        self.times.frombytes(times.tobytes())
        self._last = texts[-1]

    def place(self, row: int) -> str:
        """Return where a row stands, for messages."""
        return _place(self._file, self._column, self._lines, row)

    def _check_zones(self, zones: Sequence[str], texts: Sequence[str], before: int) -> None:
        if zones.count(self.zone) < len(zones):
            row = next(row for row, zone in enumerate(zones) if zone != self.zone)
            raise InputError(
                f"{self.place(before + row)}: {texts[row]!r} has time zone {zones[row].strip() or 'none'}, and line "
                f"{self._lines[0]} has {self.zone.strip() or 'none'}; expected all in one zone, UTC for example"
            )

    def _check_order(self, times: np.ndarray, texts: Sequence[str], before: int) -> None:
        steps = np.diff(times, prepend=self.times[-1] if before else times[0] - 1)
        for row in np.flatnonzero(steps <= 0)[:1].tolist():
            relation = "comes before" if steps[row] < 0 else "is the same time as"
            raise InputError(
                f"{self.place(before + row)}: {texts[row]!r} {relation} {texts[row - 1] if row else self._last!r} in "
                f"line {self._lines[before + row - 1]}; expected ascending times, each once (UTC where local clocks "
                "are put back in autumn)"
            )


class LineNumbers:
    """The line on which each row of a file begins, kept where they do not simply count on.

    Example:
      >>> lines = LineNumbers()
      >>> lines.append([2, 3, 7, 8])
      >>> (lines[1], lines[3])
      (3, 8)
    """

    def __init__(self):
        self._count, self._rows, self._offsets = 0, array("q"), array("q")

    def append(self, lines: Sequence[int]) -> None:
        """Add the line numbers of the next rows."""
        for row, line in enumerate(lines, start=self._count):
            if not self._offsets or line - row != self._offsets[-1]:
                self._rows.append(row)
                self._offsets.append(line - row)
        self._count += len(lines)

    def __getitem__(self, row: int) -> int:
        return row + self._offsets[bisect_right(self._rows, row) - 1]


def _place(file: str, column: str, lines: Sequence[int] | LineNumbers, row: int) -> str:
    return f"{file}: line {lines[row]}, column {column!r}"


def _numbers(texts: Sequence[str], place: Callable[[int], str], delimiter: str) -> np.ndarray:
    """The numbers of a column's cells; where semicolons divide the cells, a comma is a decimal comma."""
    if delimiter == ";":
        comma, dot = (next((row for row, text in enumerate(texts) if mark in text), None) for mark in ",.")
        if None not in (comma, dot) and comma != dot:
            raise InputError(
                f"{place(max(comma, dot))}: {texts[max(comma, dot)]!r}, after {texts[min(comma, dot)]!r}; expected a "
                "decimal comma or a decimal point throughout, and nothing between thousands"
            )
    numbers = np.empty(len(texts))
    for row, text in enumerate(texts):
        number = _number(text.replace(",", ".") if delimiter == ";" else text)
        if number is None:
            raise InputError(
                f"{place(row)}: {text!r} is not a finite number; expected one such as -3.14, or an empty cell where "
                "it is missing"
            )
        numbers[row] = number
    return numbers


def _number(text: str) -> float | None:
    """The number, NaN where it is missing, None where the text is neither."""
    text = text.strip()
    if text.lower() in MISSING:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None  # Python reads 1_000 as a number.


def _on_base(values: array, columns: int, times: np.ndarray, base: TimeBase) -> np.ndarray:
    """The values ``[T, columns]`` on the base, moved to their places within the memory in which they are.

    Rows move to later places only; from the last block to the first, none is overwritten before it has moved.
    """
    length = int(base.nearest(times[-1])) + 1
    values.extend(repeat(math.nan, (length - len(times)) * columns))
    regular = np.frombuffer(values).reshape(length, columns)
    for first in reversed(range(0, len(times), BLOCK)):
        index = base.nearest(times[first : first + BLOCK])
        block = regular[first : first + len(index)].copy()
        regular[first : index[-1] + 1] = math.nan
        regular[index] = block
    return regular
