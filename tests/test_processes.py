"""Two processes that share a run of the translation model: they train, stop together, go on, and one of them writes."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lstm_gru.data.grammar import GrammarConfig, grammar_corpus
from lstm_gru.errors import InputError
from lstm_gru.training.devices import all_devices
from lstm_gru.training.processes import Agreement, any_process, given, is_first, start_processes, told

STEPS = 12
SMALL = {
    **{"model.embedding": 64, "model.encoder-features": 8, "model.features": 8, "held-out": 20, "search.beam": 2},
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
    assert text.count(f"{directory}: stopped and saved at step {step}; the same command continues") == 2
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


def test_processes_that_were_given_different_things_end(tmp_path):
    port = free_port()
    shared = ("--coordinator", f"localhost:{port}", "--processes", "2")
    processes = [start(tmp_path / "run", *shared, "--process", f"{k}", "--seed", f"{k}") for k in (0, 1)]
    codes, text = ended(processes)
    assert codes == [2, 2], text
    assert text.count("processes were given different configurations or data") == 2
    assert not (tmp_path / "run").exists()


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import tiny
from lstm_gru.cli import exit_code
from lstm_gru.training.loop import fit
from lstm_gru.training.processes import start_processes

def train(argv):
    kind, port, index, where = argv
    start_processes(f"localhost:{port}", 2, int(index))
    task = tiny.line()
    if kind == "one fails":
        whole = task.batch
        task = tiny.changed(task, batch=lambda step: whole(step) if (step, index) != (7, "1") else 1 / 0)
    if kind == "the disk fills up":
        def finish(params, run_dir):
            raise OSError(28, "No space left on device")
        task = tiny.changed(task, finish=finish)
    config = tiny.settings(60, patience=4, average=2)
    fitted = fit(task, config, Path(where), plain=True, save_seconds=0.5)
    print("chosen", fitted.scores["chosen_steps"], float(fitted.params["b"][0]))
    return 0

from pathlib import Path
sys.exit(exit_code(train, sys.argv[2:]))
"""


def programs(kind, where):
    """Two processes that run the program above."""
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), kind, str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return ended([subprocess.Popen([*command, str(index), str(where)], **pipes) for index in (0, 1)])


def test_patience_and_averages_are_the_same_in_all_processes(tmp_path):
    codes, text = programs("all is well", tmp_path / "run")
    assert codes == [0, 0], text
    said = [line for line in text.splitlines() if line.startswith("chosen")]
    assert len(said) == 2
    assert len(set(said)) == 1


@pytest.mark.parametrize(
    ("kind", "words"), [("one fails", "ZeroDivisionError"), ("the disk fills up", "No space left on device")]
)
def test_an_error_in_one_process_ends_all_at_once(kind, words, tmp_path):
    began = time.monotonic()
    codes, text = programs(kind, tmp_path / "run")
    assert 0 not in codes, text
    assert words in text
    assert time.monotonic() - began < 100


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("localhost:1", 2, None), "expected all of coordinator"),
        ((None, None, 1), "expected all of coordinator"),
        (("localhost", 2, 0), "coordinator = 'localhost'; expected HOST:PORT"),
        (("localhost:x", 2, 0), "coordinator = 'localhost:x'; expected HOST:PORT"),
        (("localhost:1", 2, 2), "process = 2; expected 0 to 1, as there are 2 processes"),
        (("localhost:70000", 2, 0), "expected HOST:PORT"),
        (("localhost:1", 0, 0), "processes = 0; expected at least 1"),
    ],
)
def test_what_does_not_tell_the_processes_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        start_processes(*arguments)


def test_without_a_cluster_its_flag_is_refused(tmp_path):
    codes, text = ended([start(tmp_path / "run", "--cluster")])
    assert codes == [2], text
    assert "error: no cluster found in the environment" in text


def test_one_process_asks_nobody():
    assert is_first()
    assert told(lambda: [1]) == [1]
    assert given(lambda: {"a": 1}, {"a": 0}) == {"a": 1}
    assert any_process(True)
    assert not any_process(False)
    agree = Agreement(all_devices())
    assert agree.to_send() is None
    assert agree(None, True, False) == (True, False)
