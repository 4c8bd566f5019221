"""Rows of a text file with a header line and cells between commas, semicolons or tabs, streamed, with line numbers."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from lstm_gru.errors import InputError

DELIMITERS = ",;\t"
NOT_UTF8 = re.compile("[\udc80-\udcff]")  # How "surrogateescape" keeps a byte that is not UTF-8.


class Table(NamedTuple):
    """The columns asked for of a file that is being read.

    Attributes:
      delimiter: what stands between its cells.
      rows: of each row the number of the line on which it begins, from 1, and its cells in the columns asked for.
    """

    delimiter: str
    rows: Iterator[tuple[int, tuple[str, ...]]]


def read_table(stream: BinaryIO, file: str, columns: Sequence[str]) -> Table:
    """Return the rows of a file in UTF-8; lines without a character in any cell are skipped.

    The delimiter is the one under which the header line has most of the columns asked for.

    Args:
      stream: the file's content, unpacked.
      file: its name, for messages.
      columns: names of at least two columns, as in the header; white space in it counts as a single space.

    Raises:
      InputError: naming the file, and the line where there is one, at once when the file is empty or a column is not
        in the header, twice there or asked for twice; while rows are taken when one has too few or too many cells, a
        quotation mark is not closed, a byte is not UTF-8, or the stream breaks off.

    Example:
      >>> list(read_table(io.BytesIO(b"day;y;note\\n1;2;a\\n"), "views.csv", ["y", "day"]).rows)
      [(2, ('2', '1'))]
    """
    lines = _text_lines(stream, file)
    skipped = 0
    for first in lines:
        if first.strip():
            break
        skipped += 1
    else:
        raise InputError(f"{file}: empty; expected a header line and rows below it")
    delimiter = _delimiter(first, columns)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, skipinitialspace=True, strict=True)
    rows = _numbered(reader, file, skipped)
    header = [" ".join(name.split()) for name in next(rows)[1]]
    cells_of = itemgetter(*(_position(name, header, columns, file) for name in columns))
    return Table(delimiter, _picked(rows, len(header), cells_of, file))


def _text_lines(stream: BinaryIO, file: str) -> Iterator[str]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        for number, line in enumerate(text, start=1):
            if not line.isascii() and (bad := NOT_UTF8.search(line)):
                byte = ord(bad[0]) - 0xDC00
                raise InputError(f"{file}: line {number}: byte 0x{byte:02x} is not UTF-8 here; expected UTF-8 text")
            yield line
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(f"{file}: not a whole gzip file ({error})") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error


def _delimiter(line: str, columns: Sequence[str]) -> str:
    def found(delimiter: str) -> tuple[int, int]:
        cells = [cell.strip(' "\r\n') for cell in line.split(delimiter)]
        return len({*columns} & {*cells}), len(cells)

    return max(DELIMITERS, key=found)


def _numbered(reader: Iterator[list[str]], file: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line on which it begins; a quoted cell may reach over several."""
    line = skipped + 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield line, cells
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{file}: line {line}: the row that begins here cannot be divided into cells ({error}); "
            "expected every quotation mark closed, and doubled inside a quoted cell"
        ) from error


def _position(name: str, header: Sequence[str], columns: Sequence[str], file: str) -> int:
    if columns.count(name) > 1:
        raise InputError(f"{file}: column {name!r} is asked for twice; expected a column for each purpose")
    if header.count(name) > 1:
        raise InputError(f"{file}: column {name!r} is in the header {header.count(name)} times; expected it once")
    if name not in header:
        raise InputError(f"{file}: no column {name!r}; there are {', '.join(header)}")
    return header.index(name)


def _picked(
    rows: Iterator[tuple[int, list[str]]], width: int, cells_of: itemgetter, file: str
) -> Iterator[tuple[int, tuple[str, ...]]]:
    for line, cells in rows:
        if len(cells) != width:
            raise InputError(f"{file}: line {line} has {len(cells)} cells; expected {width}, as the header has")
        yield line, cells_of(cells)
