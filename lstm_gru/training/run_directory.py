"""A run's directory: whose it is, what it was made with, and what it measured.

``config.json`` (everything that determines the run), ``manifest.json`` (what it ran on), ``metrics.jsonl``
(one line a logged step), ``checkpoints/``, ``scores.json`` (written last: its presence means finished).
"""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lstm_gru.config import flatten
from lstm_gru.errors import InputError

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


class RunDirectory:
    """One run's directory, opened for the configuration it belongs to.

    Args:
      path: created when missing.
      config: plain JSON values; everything that determines the run.

    Raises:
      InputError: when the directory cannot be written, or holds a run with another configuration (the
        fields that differ are named).
    """

    def __init__(self, path: Path, config: Mapping[str, Any]):
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self._metrics = self.path / "metrics.jsonl"
        self._make_writable()
        self._claim(json.loads(json.dumps(config)))

    def _make_writable(self) -> None:
        probe = self.path / f".writable-{os.getpid()}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot write the run directory ({error.strerror}); choose another with --run-dir"
            ) from error

    def _claim(self, config: dict[str, Any]) -> None:
        saved = read_json(self.path / "config.json")
        if saved is None:
            write_json(self.path / "manifest.json", manifest())
            write_json(self.path / "config.json", config)
            return
        there, asked = dict(flatten(saved)), dict(flatten(config))
        names = [name for name in sorted({*there, *asked}) if there.get(name) != asked.get(name)]
        if names:
            differences = "; ".join(f"{n} = {there.get(n)!r} there, {asked.get(n)!r} asked" for n in names)
            raise InputError(
                f"{self.path}: holds a run with another configuration ({differences}); "
                "give the same settings to continue it, or choose another directory with --run-dir"
            )

    def scores(self) -> dict[str, Any] | None:
        """Return the scores of a finished run, else None."""
        return read_json(self.path / "scores.json")

    def finish(self, scores: Mapping[str, Any]) -> None:
        """Write the scores, which marks the run as finished."""
        write_json(self.path / "scores.json", scores)

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line of metrics."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def sync_metrics(self) -> None:
        """Return when all metrics are on disk; called before a save, so that no checkpoint is ahead of them."""
        with self._metrics.open("a", encoding="utf-8") as file:
            os.fsync(file.fileno())

    def metrics(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of ``metrics.jsonl``, without a last one that was cut off in the middle."""
        if not self._metrics.exists():
            return
        for line in self._metrics.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)

    def rewind(self, step: int) -> float:
        """Drop metrics after ``step``, which will be logged again; return the seconds spent up to it."""
        kept = [line for line in self.metrics() if line["step"] <= step]
        if self._metrics.exists():
            write_text(self._metrics, "".join(json.dumps(line) + "\n" for line in kept))
        return max((line.get("seconds", 0.0) for line in kept), default=0.0)


def valid_lines(run_dir: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's ``metrics.jsonl`` that hold an evaluation."""
    lines = map(json.loads, (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if "seconds" in line]


def manifest() -> dict[str, Any]:
    """Return what a run's numbers may depend on besides its configuration: versions, cores, commit."""
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "platform": platform.system() + " " + platform.machine(),
        "cores": available_cores(),
        "commit": git_commit(),
    }


def available_cores() -> int:
    """Return the number of processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def git_commit() -> str | None:
    """Return the checkout's commit, with ``+changes`` where tracked files differ; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # An installed package may lie inside somebody else's repository.
        return None

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout

    try:
        changed = git("status", "--porcelain", "--untracked-files=no").strip()
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def read_json(path: Path) -> Any:
    """Return a JSON file's value, None when there is no such file; `InputError` when it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno} is not valid JSON ({error.msg})") from error


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that the path holds either the old or the whole new file."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text so that the path holds either the old or the whole new file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
