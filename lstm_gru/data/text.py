"""Lines of text files, with errors that say where, and the sentences of a line."""

import gzip
import hashlib
import re
import zlib
from itertools import pairwise
from pathlib import Path

from lstm_gru.errors import InputError

OPENED, CLOSED = "\"'„“‚‘»«([", "\"'“”‘’»«)]"
ABBREVIATION = re.compile(r"\d{1,3}\.|\w\.|(\w+\.){2,}|([A-Z]?[b-df-hj-np-tv-xz]+|Prof|ca)\.")  # 3. K. z.B. Dr.


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


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, with single spaces between words.

    A sentence ends at a full stop, a question or an exclamation mark, where a capital letter follows; not after a
    number, an initial or a word without a vowel, which is an abbreviation. Where there are no capital letters, all is
    one sentence.

    Args:
      text: any.

    Example:
      >>> sentences_of("Er kam am 3. Mai zu Dr. Müller.  Es war z.B. kalt! „Oh.“ Ja")
      ['Er kam am 3. Mai zu Dr. Müller.', 'Es war z.B. kalt!', '„Oh.“', 'Ja']
    """
    words = text.split()
    ends = [number for number, two in enumerate(pairwise(words), 1) if _between_sentences(*two)]
    return [" ".join(words[start:end]) for start, end in pairwise([0, *ends, len(words)])]


def _between_sentences(word: str, following: str) -> bool:
    word, following = word.rstrip(CLOSED), following.lstrip(OPENED)
    return word.endswith((".", "!", "?", "…")) and following[:1].isupper() and not ABBREVIATION.fullmatch(word)


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
