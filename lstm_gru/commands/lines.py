"""Lines of a text, taken as they arrive: one by one from a slow source, many at once from a fast one."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import BinaryIO

from lstm_gru.errors import InputError

MOST = 1024  # Lines of a batch, and lines read ahead.
MARK = "\ufeff"

Arrivals = Queue[str | Exception | None]  # An exception or None is the end.


def open_text(path: Path | None) -> BinaryIO:
    """Return a file, or standard input when there is none, as bytes.

    Raises:
      InputError: when it cannot be read, or when a file that can be read twice is not UTF-8.
    """
    if path is None and sys.stdin is None:
        raise InputError("standard input: closed; expected a text there, or FILE")
    try:
        # Not through sys.stdin: at its end Python waits for its lock, which a thread that reads from it holds. A
        # descriptor of its own: a thread that outlives the command must not read what the old number stands for then.
        if path is None:
            return open(os.dup(sys.stdin.fileno()), "rb")
        if path.is_file():
            _check(path)
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path or 'standard input'}: cannot be read ({error.strerror})") from error


def _check(path: Path) -> None:
    """Read a file through once, so that nothing is made of it when its end is not a text."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            _decode(line, f"{path}: line {number}")


def read_batches(stream: BinaryIO, name: str) -> Iterator[list[str]]:
    """Return all lines in their order, in batches of those that have arrived: at least 1, at most 1,024.

    Lines end at a line feed, which is left out, and nowhere else; a byte-order mark at the start is skipped. A thread
    reads ahead from this call on, and closes the stream.

    Args:
      stream: UTF-8 text.
      name: what errors call it.

    Yields:
      The lines that were there when it was asked for them; it waits for one where there are none.

    Raises:
      InputError: after the lines before it, at a line that cannot be read or is not UTF-8.

    Example:
      >>> import io
      >>> [line for batch in read_batches(io.BytesIO(b"one\\n\\nthree"), "text") for line in batch]
      ['one', '', 'three']
    """
    arrivals: Arrivals = Queue(MOST)
    Thread(target=_read, args=(stream, name, arrivals), daemon=True).start()
    return _batches(arrivals)


def _batches(arrivals: Arrivals) -> Iterator[list[str]]:
    while True:
        arrived = [arrivals.get()]
        while len(arrived) < MOST and not arrivals.empty():
            arrived.append(arrivals.get())
        lines = [line for line in arrived if isinstance(line, str)]
        if lines:
            yield lines
        if isinstance(arrived[-1], Exception):
            raise arrived[-1]
        if arrived[-1] is None:
            return


def _read(stream: BinaryIO, name: str, arrivals: Arrivals) -> None:
    number = 0
    try:
        with stream:
            for number, line in enumerate(stream, 1):
                text = _decode(line.removesuffix(b"\n"), f"{name}: line {number}")
                arrivals.put(text.removeprefix(MARK) if number == 1 else text)
        arrivals.put(None)
    except OSError as error:
        arrivals.put(InputError(f"{name}: line {number + 1} cannot be read ({error.strerror})"))
    except Exception as error:  # Raised again where the lines are waited for.
        arrivals.put(error)


def _decode(line: bytes, place: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        wrong = f"0x{line[error.start]:02x} is not UTF-8 here"
        raise InputError(f"{place}, byte {error.start + 1}: {wrong}; expected UTF-8 text") from error
