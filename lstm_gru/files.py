"""Files that are there whole or not at all."""

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstm_gru.errors import InputError

NUMBERS = re.compile(r"\[\n([\d\s.,eE+-]+)\]")  # A list of them; in a string a line's end would be escaped.


def read_json(path: Path) -> Any:
    """Return a JSON file's value, None when there is no such file; `InputError` when it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno} is not valid JSON ({error.msg})") from error


def require_json(path: Path, run_of: str) -> Any:
    """Return the value of a JSON file that a finished run has; `InputError` names it and ``run_of`` where it is not."""
    found = read_json(path)
    if found is None:
        raise no_run_of(path.parent, f"no {path.name}", run_of)
    return found


def no_run_of(run_dir: Path, reason: str, run_of: str) -> InputError:
    """Return the error that a directory holds no finished run of ``run_of``."""
    return InputError(f"{run_dir}: {reason}; expected a finished run of {run_of}")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def finite_or_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that JSON can hold: a float that is not finite becomes None."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}


def write_json(path: Path, value: Any) -> None:
    """Write JSON, a list of numbers on one line, so that the path holds either the old or the whole new file."""
    text = json.dumps(value, indent=2, allow_nan=False)
    write_text(path, NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write so that the path holds either the old or the whole new file, and return when it is on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    """Without this the rename itself may be lost when the machine dies."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
