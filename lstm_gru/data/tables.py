"""Series from anybody's CSV files."""

import gzip
import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lstm_gru.data.columns import read_columns
from lstm_gru.data.series import Series
from lstm_gru.errors import InputError

GZIP_START = b"\x1f\x8b"


def read_series(
    path: str | Path,
    *,
    time_column: str,
    value_columns: Sequence[str],
    frequency: np.timedelta64 | None = None,
    date_format: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Series:
    """Return the series in a CSV file with a header line and one row a time, in ascending order.

    The text is UTF-8, as it is or packed by gzip, with commas, semicolons or tabs between cells; with semicolons,
    numbers may have a decimal comma. It is read once, in chunks, and never whole in memory.

    Time base: the most common distance of neighbouring rows, counted in calendar months where that fits (see
    `lstm_gru.data.timebase.infer_base`). How dates are written is inferred once, from the first chunk of rows.

    Missing values are never filled. A cell that is empty or says NA, NaN, null, None or - (in any case) is NaN, and
    so are all values of a time that has no row.

    Stamps without a zone are taken as they are, and every step of them as equally long. In local time with
    daylight saving this leaves, in spring, a missing hour, NaN as every gap; in autumn, an hour that comes twice,
    which is refused with both lines. Write such times in UTC. A zone behind the stamps must be the same in all rows.

    Args:
      path: the file.
      time_column: column of dates or times.
      value_columns: names of the C columns of numbers.
      frequency: the step as of `lstm_gru.data.timebase.parse_frequency`; None infers it.
      date_format: how dates are written, as a pattern of strptime; None infers it.
      progress: called after each chunk with the number of rows read so far.

    Returns:
      Values float64 ``[T, C]`` in the file's units; its source is the file's name and the SHA-256 of its bytes as
      they are stored.

    Raises:
      InputError: naming the file, and line, column and cell where there are such, when the file cannot be read, is
        no whole gzip file, not UTF-8 or empty; when a column is not there, there twice or asked for twice; when a row
        has too few or too many cells, a stamp or a number cannot be read, a stamp may be read in two ways, does not
        come after the one before, or has another zone; and when the rows do not lie on a grid of at most 100 million
        rows.

    Example:
      >>> series = read_series("load.csv.gz", time_column="hour", value_columns=["north", "south"])  # doctest: +SKIP
    """
    path = Path(path)
    try:
        raw = path.open("rb", buffering=0)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a CSV file, as it is or gzip") from error
    with raw:
        hashed = HashedFile(raw)
        base, values = read_columns(
            _unpacked(io.BufferedReader(hashed), path),
            str(path),
            time_column=time_column,
            value_columns=value_columns,
            frequency=frequency,
            date_format=date_format,
            progress=progress,
        )
    source = {"file": path.name, "sha256": hashed.sha256.hexdigest()}
    return Series(base, values, tuple(value_columns), source, label=", ".join(value_columns))


class HashedFile(io.RawIOBase):
    """A file whose checksum grows with what is read of it.

    Args:
      raw: the file, without a buffer.

    Attributes:
      sha256: of the bytes read so far.
    """

    def __init__(self, raw: io.RawIOBase):
        self.sha256 = hashlib.sha256()
        self._raw = raw

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:
        """Read as many bytes as there are at once into the buffer, and return their number."""
        count = self._raw.readinto(buffer)
        self.sha256.update(buffer[:count])
        return count


def _unpacked(stream: io.BufferedReader, path: Path) -> BinaryIO:
    packed = path.suffix == ".gz" or stream.peek(2).startswith(GZIP_START)
    return gzip.GzipFile(fileobj=stream) if packed else stream
