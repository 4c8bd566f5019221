"""One library in a process of its own: measures what it is asked for, line by line."""

import json
import os
import sys
from collections.abc import Iterator

from benchmarks.cases import Case
from benchmarks.libraries import LIBRARIES, Timed

AT_LEAST = 3  # Calls of a round.


def serve(name: str) -> None:
    """Answer requests ``[case, mode, seconds]`` on standard input with ``{"seconds": [...], "facts": {...}}``."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Whatever a library prints is not an answer.
    ready: dict[tuple[Case, str], Timed] = {}
    for line in sys.stdin:
        case, mode, seconds = json.loads(line)
        key = (Case(*case), mode)
        if key not in ready:
            ready[key] = LIBRARIES[name].timed(*key)
            ready[key].call()
        answer = {"seconds": list(_calls(ready[key], seconds)), "facts": ready[key].facts}
        print(json.dumps(answer), file=answers, flush=True)


def _calls(timed: Timed, seconds: float) -> Iterator[float]:
    spent, count = 0.0, 0
    while spent < seconds or count < AT_LEAST:
        took = timed.call()
        yield took / timed.times
        spent, count = spent + took, count + 1


if __name__ == "__main__":
    serve(sys.argv[1])
