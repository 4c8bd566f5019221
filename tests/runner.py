"""Trains a task in a process of its own, so that a test can kill it where it wants.

``python tests/runner.py TASK DIR [--slow SECONDS] [--pause PLACE [--times N]] [--save-seconds S]`` ends with the exit
code of the command line. At the N-th arrival at PLACE it touches DIR.paused and waits until there is DIR.go.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import tiny

from lstm_gru import cli
from lstm_gru.training import checkpoint
from lstm_gru.training.loop import fit

PLACES = ("compilation", "step", "evaluation", "save", "digests")


def line(steps=40):
    return tiny.line(), tiny.settings(steps)


def heavy():
    return tiny.line(ballast=2_000_000), tiny.settings(20)


def long():
    return tiny.line(), tiny.settings(2000, evaluate_every=25)


def seasonal():
    from lstm_gru.config import TrainConfig
    from lstm_gru.data.series import page_views
    from lstm_gru.models.seasonal import SeasonalForecasterConfig
    from lstm_gru.tasks.seasonal import OriginConfig, SeasonalConfig, seasonal_forecasting

    train = TrainConfig(steps=12, evaluate_every=4, log_every=1)
    windows = OriginConfig(horizon=30, origins=4, horizons=2)
    config = SeasonalConfig(SeasonalForecasterConfig(features=3), windows, train)
    return seasonal_forecasting(page_views(), 1500, config, {}), train


def forecaster():
    from lstm_gru.config import TrainConfig
    from lstm_gru.data.series import page_views
    from lstm_gru.data.windows import WindowConfig
    from lstm_gru.models.forecaster import ForecasterConfig
    from lstm_gru.tasks.forecasting import ForecastingConfig, Parts, forecasting

    train = TrainConfig(steps=12, evaluate_every=4, log_every=1)
    windows = WindowConfig(lookback=4, horizon=2, windows=4, calendar=("week",))
    config = ForecastingConfig(ForecasterConfig(features=3, head_features=4), windows, train)
    return forecasting(page_views(), Parts(1500, 1600, test_stride=100), config, {}), train


def translator():
    from lstm_gru.config import TrainConfig
    from lstm_gru.data.corpora import CorpusConfig
    from lstm_gru.models.seq2seq import Seq2SeqConfig
    from lstm_gru.tasks.translation import RecurrentTranslation, TextConfig, translation
    from lstm_gru.translator import SearchConfig

    train = TrainConfig(steps=12, evaluate_every=4, log_every=1)
    model = Seq2SeqConfig(embedding=4, encoder_features=4, features=4, bidirectional=False, attention="none")
    text = TextConfig(vocabulary_size=285, tokens_per_batch=80, shapes=1)
    numbers = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four", "sechs": "six", "neun": "nine"}
    pairs = itertools.product(numbers, numbers)
    with tempfile.TemporaryDirectory() as folder:  # Read at once; the settings know the file by its content.
        path = Path(folder) / "pairs.tsv"
        path.write_text("".join(f"{a} {b}\t{numbers[a]} {numbers[b]}\n" for a, b in pairs))
        config = RecurrentTranslation(model, CorpusConfig(tsv=str(path)), text, SearchConfig(beam=1), train)
        return translation(config, {}), train


def tagger():
    from lstm_gru.config import TrainConfig
    from lstm_gru.data.tagged_corpora import TaggedCorpusConfig
    from lstm_gru.models.tagger import TaggerConfig
    from lstm_gru.tasks.tagging import TaggingConfig, tagging

    train = TrainConfig(steps=12, evaluate_every=4, log_every=1)
    model = TaggerConfig(features=3, word_features=3, character_features=0)
    with tempfile.TemporaryDirectory() as folder:  # Read at once; the settings know the file by its content.
        path = Path(folder) / "words.tsv"
        path.write_text("\n".join(f"{'ab'[k % 2] * (k % 5 + 1)}\tX\nc\t{'XY'[k % 2]}\n" for k in range(30)))
        files = dict.fromkeys(("train_file", "valid_file", "test_file"), str(path))
        config = TaggingConfig(model, TaggedCorpusConfig(**files), train, tokens_per_batch=64)
        return tagging(config, {}), train


# Every task of the package has its line here, by which it is killed, continued and compared (test_resume.py).
TASKS = {"line": line, "seasonal": seasonal, "forecasting": forecaster, "translation": translator, "tagging": tagger}
OTHERS = {"heavy": heavy, "long": long}


def pausing(function, directory, times):
    """The function, waiting before its N-th call."""
    calls = itertools.count(1)

    def paused(*args, **kwargs):
        if next(calls) == times:
            mark(directory, "paused").touch()
            while not mark(directory, "go").exists():
                time.sleep(0.01)
        return function(*args, **kwargs)

    return paused


def mark(directory, name):
    return directory.with_name(f"{directory.name}.{name}")


def with_pause(task, place, directory, times):
    if place in ("save", "digests"):
        owner, name = (checkpoint.Checkpoints, "_write") if place == "save" else (checkpoint, "digests")
        setattr(owner, name, pausing(getattr(owner, name), directory, times))
        return task
    field = {"compilation": "loss", "step": "batch", "evaluation": "evaluate"}[place]
    return replace(task, **{field: pausing(getattr(task, field), directory, times)})


def slowed(task, seconds):
    def batch(step):
        time.sleep(seconds)
        return task.batch(step)

    return replace(task, batch=batch)


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=[*TASKS, *OTHERS])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--slow", type=float, default=0)
    parser.add_argument("--pause", choices=PLACES)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--save-seconds", type=float, default=60)
    arguments = parser.parse_args(argv)
    task, config = {**TASKS, **OTHERS}[arguments.task]()
    if arguments.pause:
        task = with_pause(task, arguments.pause, arguments.directory, arguments.times)
    if arguments.slow:
        task = slowed(task, arguments.slow)
    fit(task, config, arguments.directory, plain=True, save_seconds=arguments.save_seconds)
    return 0


STARTED = []


def end_all():
    """Leave no process behind that a failed assertion forgot."""
    while STARTED:
        STARTED.pop().end()


class Process:
    """A runner that has been started, in a directory or in the folder ``run`` of a disk of its own."""

    def __init__(self, task, directory, *options, disk=None):
        place = disk.place / "run" if disk else directory
        command = [sys.executable, __file__, task, str(place), *map(str, options)]
        command = disk.command(*command) if disk else command
        self.directory = directory
        self.log = mark(directory, "log")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log)
        self.pid = self._process.pid
        STARTED.append(self)

    def until(self, condition, what, seconds=60):
        """Wait for a condition while the process runs."""
        end = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, f"ended before {what}: {self.said()}"
            assert time.monotonic() < end, f"waited {seconds} s for {what}: {self.said()}"
            time.sleep(0.005)

    def until_paused(self):
        self.until(mark(self.directory, "paused").exists, "the pause")

    def go_on(self):
        mark(self.directory, "go").touch()

    def send(self, number):
        self._process.send_signal(number)

    def wait(self, seconds=60):
        """The exit code."""
        return self._process.wait(seconds)

    def poll(self):
        return self._process.poll()

    def end(self):
        self._process.kill()
        self._process.wait()

    def said(self):
        return self.log.read_text()


if __name__ == "__main__":
    sys.exit(cli.exit_code(main, sys.argv[1:]))
