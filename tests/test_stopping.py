"""A signal as a request to stop: once, twice, inside another request, in a worker, in other threads."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest
import tiny

from lstm_gru.errors import Stopped
from lstm_gru.training.loop import fit
from lstm_gru.training.stopping import stop_request


def until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_request_and_handlers_come_back(number, capfd):
    before = signal.getsignal(number)
    with stop_request() as stop:
        assert not stop.made
        os.kill(os.getpid(), number)
        until(lambda: stop.made)
        with stop_request() as inner:
            assert inner is stop
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before
    with stop_request() as stop:
        assert not stop.made
    assert capfd.readouterr().err == "stopping after the running step; a second signal exits at once\n"


def test_other_signals_are_none():
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    with stop_request() as stop:
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.05)
        assert not stop.made
    signal.signal(signal.SIGUSR1, before)


def test_a_patient_process_takes_many_signals_for_one_request(capfd):
    with stop_request(patient=True) as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
            until(lambda: stop.made)
    assert capfd.readouterr().err == ""


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_request() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        assert not stop.made
    signal.signal(signal.SIGINT, before)


def test_in_another_thread_training_goes_without(tmp_path):
    fitted = []
    thread = threading.Thread(target=lambda: fitted.append(tiny.train(tmp_path, 10)))
    thread.start()
    thread.join()
    assert fitted[0].scores["chosen_steps"] == [10]


SECOND = """
import os, signal, sys, time
from lstm_gru.training.stopping import stop_request
signal.signal(signal.SIGINT, signal.default_int_handler)  # Which a parent may have told it to ignore.
with stop_request() as stop:
    os.kill(os.getpid(), signal.SIGINT)
    while not stop.made: time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
"""


def test_a_second_signal_ends_the_process_at_once():
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", SECOND], check=False, stderr=subprocess.DEVNULL)
    assert done.returncode == 128 + signal.SIGTERM
    assert time.monotonic() - began < 20


def test_a_stopped_run_exits_with_75_in_any_program(tmp_path):
    task = tiny.line()

    def batch(step):
        if step == 12:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)
        return task.batch(step)

    with pytest.raises(Stopped, match="stopped and saved at step 13") as stopped:
        fit(tiny.changed(task, batch=batch), tiny.settings(40), tmp_path, plain=True)
    assert stopped.value.code == 75
    assert isinstance(stopped.value, SystemExit)
    copy = pickle.loads(pickle.dumps(stopped.value))  # As a worker sends it to its parent.
    assert (copy.code, copy.message) == (75, stopped.value.message)
    assert tiny.train(tmp_path, 40).scores == tiny.train(tmp_path.with_name("straight"), 40).scores | {
        "seconds": pytest.approx(0, abs=60)
    }
