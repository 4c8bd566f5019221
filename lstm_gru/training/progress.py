"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from contextlib import AbstractContextManager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_SECONDS = 10.0


class RunProgress(AbstractContextManager):
    """Shows step, steps per second, time left and the newest metrics of one run.

    Args:
      name: what is running.
      steps: the run's last step.
      start: the step it starts from (more than 0 when resumed).
      plain: lines even on a terminal, as when several runs share it.
    """

    def __init__(self, name: str, steps: int, start: int, *, plain: bool = False):
        self._name, self._steps, self._start = name, steps, start
        self._console = Console(stderr=True)
        self._bar = None if plain or not self._console.is_terminal else self._make_bar()
        self._began = self._spoke = time.monotonic()
        self._step, self._metrics = start, ""

    def _make_bar(self) -> Progress:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
        )
        return Progress(*columns, console=self._console, transient=True)

    def __enter__(self) -> "RunProgress":
        if self._bar:
            self._bar.start()
            self._bar.add_task(self._name, total=self._steps, completed=self._start, rate="", metrics="")
        elif self._start:
            self._say(f"resumed at step {self._start}")
        return self

    def update(self, step: int, metrics: dict[str, float] | None = None) -> None:
        """Show a finished step, and its metrics where there are new ones."""
        self._step = step
        if metrics:
            self._metrics = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        if self._bar:
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=step, rate=f"{self._rate():.0f} steps/s", metrics=self._metrics)
        elif time.monotonic() - self._spoke > PLAIN_SECONDS:
            left = (self._steps - step) / max(self._rate(), 1e-9)
            self._say(f"{self._summary()}, {left:.0f} s left")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._bar:
            self._bar.stop()
        if kind is None:
            self._say(f"{self._summary()}, {time.monotonic() - self._began:.1f} s")

    def _rate(self) -> float:
        return (self._step - self._start) / max(time.monotonic() - self._began, 1e-9)

    def _summary(self) -> str:
        return f"step {self._step}/{self._steps}, {self._rate():.0f} steps/s  {self._metrics}".rstrip()

    def _say(self, text: str) -> None:
        self._spoke = time.monotonic()
        print(f"{self._name}: {text}", file=sys.stderr, flush=True)
