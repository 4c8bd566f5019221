"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from contextlib import AbstractContextManager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_SECONDS = 10.0


class RunProgress(AbstractContextManager):
    """Shows step, steps per second, time left and the newest metrics of one run.

    Args:
      name: what is running.
      steps: the run's last step.
      plain: lines even on a terminal, as when several runs share it.
    """

    def __init__(self, name: str, steps: int, *, plain: bool = False):
        self._name, self._steps = name, steps
        self._console = Console(stderr=True)
        self._bar = None if plain or not self._console.is_terminal else self._make_bar()
        self._began = self._spoke = time.monotonic()
        self._step, self._metrics = 0, ""
        self._start: int | None = None  # None until training begins, as for a run that is only read.

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

    def start(self, step: int) -> None:
        """Begin to show progress, from a step that is more than 0 when the run is resumed."""
        self._start = self._step = step
        self._began = time.monotonic()
        if self._bar:
            self._bar.start()
            self._bar.add_task(self._name, total=self._steps, completed=step, rate="", metrics="")
        if step:
            self.say(f"resumed at step {step}")

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
            self.say(f"{self._summary()}, {left:.0f} s left")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._bar:
            self._bar.stop()
        if kind is None and self._start is not None:
            self.say(f"{self._summary()}, {time.monotonic() - self._began:.1f} s")

    def _rate(self) -> float:
        return (self._step - self._start) / max(time.monotonic() - self._began, 1e-9)

    def _summary(self) -> str:
        return f"step {self._step}/{self._steps}, {self._rate():.0f} steps/s  {self._metrics}".rstrip()

    def say(self, text: str) -> None:
        """Print a sentence about the run, above the bar where there is one."""
        self._spoke = time.monotonic()
        with suppress(OSError):  # A log on a full disk must not end the run.
            if self._bar and self._bar.live.is_started:
                self._bar.console.print(f"{self._name}: {text}", markup=False, highlight=False)
            else:
                print(f"{self._name}: {text}", file=sys.stderr, flush=True)
