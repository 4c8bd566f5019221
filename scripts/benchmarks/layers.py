"""Layers of several libraries side by side, in interleaved rounds, each library in a process of its own."""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.libraries import LIBRARIES
from benchmarks.process import Measuring
from lstm_gru.errors import InputError
from lstm_gru.training.manifest import manifest

# What lstm_gru does for its own commands (see lstm_gru/training/allocator.py), for all alike.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


def installed(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the versions of those libraries that are installed, and say which are not."""
    found = {}
    for name in names:
        try:
            found[name] = LIBRARIES[name].versions
        except PackageNotFoundError as error:
            print(f"{name}: left out, {error.name} is not installed", file=sys.stderr)
    return found


def measure(
    path: Path,
    names: Sequence[str],
    rounds: int,
    seconds: float,
    wanted: Sequence[tuple[Case, str]],
    own: Sequence[tuple[Case, str]],
) -> None:
    """Measure what is wanted and not in the file yet; every line that is written is one library's turn.

    Args:
      path: the file.
      names: libraries.
      rounds: how many.
      seconds: of a library's turn, at least.
      wanted: what is measured of all libraries that can do it.
      own: what is measured of this library only, in the same rounds.

    Raises:
      InputError: when the file was begun with other versions or on another machine.
    """
    versions = installed(names)
    about = {"versions": versions, "made_with": manifest()}
    done = _begun(path, about)
    path.parent.mkdir(parents=True, exist_ok=True)
    workers: dict[str, Measuring] = {}
    try:
        with path.open("a", encoding="utf-8") as file:
            if not path.stat().st_size:
                print(json.dumps(about), file=file, flush=True)
            for number in range(rounds):
                for place, (case, mode) in enumerate([*wanted, *own]):
                    alone = place >= len(wanted)
                    able = [name for name in versions if _can(name, case, mode, alone)]
                    turn = (number + place) % max(len(able), 1)
                    for name in able[turn:] + able[:turn]:
                        key = (number, name, case, mode)
                        if key in done:
                            continue
                        environment = {**ALLOCATOR, **LIBRARIES[name].environment}
                        workers[name] = workers.get(name) or Measuring("worker", name, environment)
                        answer = workers[name].ask([case, mode, seconds])
                        print(json.dumps([*key, answer]), file=file, flush=True)
                print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    finally:
        for worker in workers.values():
            worker.close()


def _can(name: str, case: Case, mode: str, alone: bool) -> bool:
    library = LIBRARIES[name]
    devices = int(library.environment.get("JAX_NUM_CPU_DEVICES", 1))
    return mode in library.modes and case.batch % devices == 0 and (library.own or not alone)


def _begun(path: Path, about: Mapping[str, Any]) -> set[tuple[int, str, Case, str]]:
    """What the file holds already; a last line that was cut off is taken away."""
    if not path.exists():
        return set()
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        path.write_text(text, encoding="utf-8")
    first, *lines = map(json.loads, text.splitlines()) if text else ({**about},)
    if first != about:
        raise InputError(f"{path}: begun with other versions, at another commit or on another machine; move it away")
    return {(number, name, Case(*case), mode) for number, name, case, mode, _ in lines}


def summary(path: Path) -> dict[str, Any]:
    """Return a file's measurements: for each library, case and mode the median of every round, and the facts."""
    about, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    rows: dict[tuple, dict[str, Any]] = {}
    for _, name, case, mode, answer in lines:
        start = {"library": name, "model": case[0], "shape": Case(*case).shape, "mode": mode, "seconds": []}
        row = rows.setdefault((name, *case, mode), start)
        row["seconds"].append(statistics.median(answer["seconds"]))
        row |= answer["facts"]
    return {**about, "measured": list(rows.values())}
