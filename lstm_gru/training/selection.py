"""Which checkpoint of a run is the best, from what was measured on validation."""

import math
from collections.abc import Iterable
from typing import Any, Literal

Line = dict[str, Any]


class Selection:
    """The evaluations of a run, in the order of their steps.

    Args:
      selects: ``(metric, "min" or "max")``; None where nothing is validated, and the last step is the best.
      count: how many of the best are wanted.
      lines: evaluations so far, as in ``metrics.jsonl``.
    """

    def __init__(self, selects: tuple[str, Literal["min", "max"]] | None, count: int, lines: Iterable[Line] = ()):
        self._selects, self._count = selects, count
        self.lines = list(lines)

    def goodness(self, line: Line) -> float:
        """Return a number of which the largest is best; an evaluation that is not finite is the worst."""
        if self._selects is None:
            return float(line["step"])
        metric, direction = self._selects
        value = line[metric]
        if value is None or not math.isfinite(value):
            return -math.inf
        return value if direction == "max" else -value

    def best(self, until: float = math.inf) -> list[int]:
        """Return the best steps, in ascending order; of equal ones the later."""
        ranked = sorted((self.goodness(line), line["step"]) for line in self.lines if line["step"] <= until)
        return sorted(step for _, step in ranked[-self._count :])

    def evaluations_since_best(self) -> int:
        """Return how many evaluations have passed without a better one."""
        values = [self.goodness(line) for line in self.lines]
        return len(values) - 1 - values.index(max(values)) if values else 0

    def line(self, step: int) -> Line:
        """Return the evaluation at a step."""
        return next(line for line in self.lines if line["step"] == step)

    def seconds(self, step: int) -> float:
        """Return the seconds of training up to a step; one after the last evaluation counts as those before it did."""
        last = self.lines[-1] if self.lines else {"step": 1, "seconds": 0.0}
        return last["seconds"] * step / last["step"]
