"""Two processes that share a run of the translation model: they train, stop together, go on, and one of them writes."""

import json
import signal
import socket
import subprocess
import sys
import time

import pytest

from lstm_gru.data.grammar import GrammarConfig, grammar_corpus
from lstm_gru.errors import InputError
from lstm_gru.training.devices import all_devices
from lstm_gru.training.processes import Agreement, any_process, given, is_first, start_processes, told

STEPS = 12
SMALL = {
    **{"model.embedding": 8, "model.encoder-features": 8, "model.features": 8, "held-out": 20, "search.beam": 2},
    **{"text.vocabulary-size": 340, "text.tokens-per-batch": 300, "text.max-length": 48, "text.shapes": 1},
    **{"train.steps": STEPS, "train.evaluate-every": 6, "train.log-every": 1, "train.warmup-steps": 2},
}


@pytest.fixture(scope="module", autouse=True)
def text(tmp_path_factory):
    """The options of a small model of a small text."""
    folder, pairs = tmp_path_factory.mktemp("text"), grammar_corpus(GrammarConfig(train=300))["train"].pairs
    for name, side in zip(("src", "trg"), pairs, strict=True):
        (folder / name).write_text("".join(f"{line}\n" for line in side), encoding="utf-8")
        SMALL[name] = folder / name


def free_port():
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


def start(directory, *options):
    command = [sys.executable, "-m", "lstm_gru.cli", "train", "multi30k", "--variant", "gru_attention"]
    return subprocess.Popen(
        [*command, *(f"--{name}={value}" for name, value in SMALL.items()), "--run-dir", str(directory), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def two(directory, *options):
    """Two processes; the second one is given a directory of its own, which it must leave alone."""
    shared = ("--coordinator", f"localhost:{free_port()}", "--processes", "2", *options)
    places = (directory, directory.with_name(directory.name + "-of-the-other"))
    return [start(place, *shared, "--process", str(index)) for index, place in enumerate(places)]


def ended(processes):
    texts = [process.communicate(timeout=200)[0] for process in processes]
    return [process.returncode for process in processes], "\n".join(texts)


def lines(directory):
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    directory = tmp_path_factory.mktemp("alone") / "run"
    codes, text = ended([start(directory)])
    assert codes == [0], text
    return directory


def test_two_processes_are_stopped_by_one_and_end_as_one_would(alone, tmp_path):
    directory = tmp_path / "run"
    processes = two(directory, "--split-matrices", "2")
    while not (directory / "metrics.jsonl").exists() or len(lines(directory)) < 3:
        assert processes[0].poll() is None, ended(processes)[1]
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)  # The one that writes nothing.
    codes, text = ended(processes)
    assert codes == [75, 75], text
    [step] = {line.split("saved at step ")[1].split(";")[0] for line in text.splitlines() if "saved at step" in line}
    assert text.count(f"saved at step {step}; the same command continues") == 2
    codes, text = ended(two(directory))  # Matrices whole this time.
    assert codes == [0, 0], text
    assert f"resumed at step {step}" in text
    assert not directory.with_name("run-of-the-other").exists()
    for one, both in zip(lines(alone), lines(directory), strict=True):
        assert {**both, "seconds": 0} == pytest.approx({**one, "seconds": 0}, rel=1e-4)
    scores = [json.loads((path / "scores.json").read_text())["test"] for path in (alone, directory)]
    assert scores[1] == pytest.approx(scores[0], rel=1e-3)
    codes, text = ended([start(directory)])  # One process reads what two have made.
    assert codes == [0], text


def test_what_one_process_cannot_do_ends_both(tmp_path):
    directory = tmp_path / "run"
    (tmp_path / "run").write_text("a file")
    codes, text = ended(two(directory))
    assert codes == [2, 2], text
    assert text.count("cannot write the run directory") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("localhost:1", 2, None), "expected all of coordinator"),
        ((None, None, 1), "expected all of coordinator"),
        (("localhost", 2, 0), "coordinator = 'localhost'; expected HOST:PORT"),
        (("localhost:x", 2, 0), "coordinator = 'localhost:x'; expected HOST:PORT"),
        (("localhost:1", 2, 2), "process = 2; expected 0 to 1, as there are 2 processes"),
        ((None, None, None), "no cluster found in the environment"),
    ],
)
def test_what_does_not_tell_the_processes_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        start_processes(*arguments)


def test_one_process_asks_nobody():
    assert is_first()
    assert told(lambda: [1]) == [1]
    assert given(lambda: {"a": 1}, {"a": 0}) == {"a": 1}
    assert any_process(True)
    assert not any_process(False)
    agree = Agreement(all_devices())
    assert agree.to_send() is None
    assert agree({}, True, False) == (True, False)
