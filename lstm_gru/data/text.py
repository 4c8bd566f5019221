"""Lines of text files, with errors that say where."""

import gzip
import hashlib
import zlib
from pathlib import Path

from lstm_gru.errors import InputError


def read_lines(path: Path, expected: str = "one sentence a line") -> tuple[list[str], dict[str, str]]:
    """Return a UTF-8 file's lines, and its name and SHA-256; a name that ends in .gz is unpacked.

    Lines end at a line feed and nowhere else; a byte-order mark at the start is skipped. The folder is not part of the
    name: runs agree wherever a file lies.

    Args:
      path: the file.
      expected: what it should hold, for the error where it is empty.

    Raises:
      InputError: naming the file, and the line where there is one, when it cannot be read, is empty or is not UTF-8.

    Example:
      >>> lines, file = read_lines(Path("train.de.gz"))  # doctest: +SKIP
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    text = _decode(path, _unpack(path, content) if path.suffix == ".gz" else content).removeprefix("\ufeff")
    if not text:
        raise InputError(f"{path}: empty; expected {expected}")
    lines = text.removesuffix("\n").split("\n")
    return lines, {"file": path.name, "sha256": hashlib.sha256(content).hexdigest()}


def _unpack(path: Path, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a whole gzip file ({error})") from error


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = error.start - content.rfind(b"\n", 0, error.start)
        raise InputError(
            f"{path}: line {line}, byte {byte}: 0x{content[error.start]:02x} is not UTF-8 here; expected UTF-8 text"
        ) from error
