"""Every fault that training must survive: how it is caused, and what must come of it.

`test_faults.py` runs the quick ones, ``scripts/fault_matrix`` all of them and prints their table.
"""

import contextlib
import errno
import io
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runner
import tiny

from lstm_gru.errors import InputError, RunError
from lstm_gru.training.checkpoint import Checkpoints
from lstm_gru.training.loop import fit

STOPPED = os.EX_TEMPFAIL
STEPS = 40


class Fault(NamedTuple):
    """One row of the table; ``check`` takes an empty directory and returns what happened."""

    name: str
    cause: str
    check: Callable[[Path], str]
    quick: bool


FAULTS: list[Fault] = []


def fault(name, cause, quick=True):
    def add(check):
        FAULTS.append(Fault(name, cause, check, quick))
        return check

    return add


class Outcome(NamedTuple):
    """What must be equal to the last bit: SHA-256 of each array of the last state, each metric, the scores."""

    state: dict
    metrics: list
    scores: dict


def outcome(run):
    newest = max((path for path in (run / "checkpoints").iterdir()), key=lambda path: int(path.name))
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scores = json.loads((run / "scores.json").read_text())
    for timed in (*metrics, scores):
        timed.pop("seconds", None)
    return Outcome(json.loads((newest / "sha256.json").read_text())["arrays"], metrics, scores)


def assert_equal(one, other):
    for name, value in one._asdict().items():
        expected = getattr(other, name)
        if name == "metrics":
            for line, should in zip(value, expected, strict=True):
                assert line == should, f"{line} instead of {should}"
        assert value == expected, name


@cache
def straight(task="line"):
    """The outcome of a run that nothing disturbed."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        process = runner.Process(task, run)
        assert process.wait() == 0, process.said()
        return outcome(run)


def continued(run, task="line", save_seconds=60):
    """Start again, to the end, and compare; return what the runner said."""
    for name in ("paused", "go"):
        runner.mark(run, name).unlink(missing_ok=True)
    process = runner.Process(task, run, "--save-seconds", save_seconds)
    assert process.wait() == 0, process.said()
    assert_equal(outcome(run), straight(task))
    return process.said()


EQUAL = "continued; parameters, optimiser state, step and metrics equal bit for bit"


def killed_when_paused(run, place, times):
    process = runner.Process("line", run, "--pause", place, "--times", times)
    process.until_paused()
    process.send(signal.SIGKILL)
    process.wait()
    continued(run)
    return EQUAL


@fault("killed between two saves", "SIGKILL at step 23 of 40, saved every 5", quick=False)
def _(run):
    return killed_when_paused(run, "step", 23)


@fault("killed at an epoch's edge", "SIGKILL before step 21, the first after an evaluation", quick=False)
def _(run):
    return killed_when_paused(run, "step", 21)


@fault("killed during evaluation", "SIGKILL inside the third evaluation", quick=False)
def _(run):
    return killed_when_paused(run, "evaluation", 3)


@fault("killed before the first save", "SIGKILL before the first checkpoint is begun", quick=False)
def _(run):
    return killed_when_paused(run, "save", 1)


@fault("killed during an asynchronous save", "SIGKILL as soon as Orbax's temporary directory of a 24 MB state appears")
def _(run):
    process = runner.Process("heavy", run, "--slow", 0.01)
    process.until((run / "checkpoints" / "5" / "sha256.json").exists, "the first save")
    process.until(lambda: temporaries(run), "the second save")
    process.send(signal.SIGKILL)
    process.wait()
    assert temporaries(run), "the save had ended"
    said = continued(run, "heavy")
    assert "left by a save that was cut off; removed" in said
    return f"the cut-off save is named and removed; {EQUAL}"


def temporaries(run):
    return list((run / "checkpoints").glob("*orbax-checkpoint-tmp*"))


@fault("killed between commit and digests", "SIGKILL after Orbax's commit, before sha256.json is written", quick=False)
def _(run):
    process = runner.Process("line", run, "--pause", "digests", "--times", 3)
    process.until_paused()
    process.send(signal.SIGKILL)
    process.wait()
    said = continued(run)
    assert "checkpoints/15: no sha256.json: not saved to the end; moved to" in said
    return f"the unfinished step is moved to quarantine/; {EQUAL}"


@fault("killed 20 times in a row", "SIGKILL at random moments from the start of the process on", quick=False)
def _(run):
    chance, saved = random.Random(0), 0
    for _ in range(20):
        process = runner.Process("long", run, "--slow", 0.02, "--save-seconds", 0.3)
        time.sleep(chance.uniform(1.5, 4.5))
        assert process.poll() is None, process.said()
        process.send(signal.SIGKILL)
        process.wait()
        saved = max([saved, *(int(p.name) for p in (run / "checkpoints").glob("*") if p.name.isdecimal())])
    continued(run, "long")
    return f"got to step {saved} of 2000 meanwhile; {EQUAL}"


def stopped_when_paused(run, number, place, times):
    process = runner.Process("line", run, "--pause", place, "--times", times)
    process.until_paused()
    process.send(number)
    process.until(lambda: "a second signal exits at once" in process.said(), "the answer to the signal")
    process.go_on()
    assert process.wait() == STOPPED, process.said()
    assert "stopped and saved at step" in process.said()
    saved = process.said().split("stopped and saved at step ")[1].split(";")[0]
    assert (run / "checkpoints" / saved / "sha256.json").exists()
    continued(run)
    return f"saved at step {saved}, exit code 75; {EQUAL}"


@fault("SIGTERM while training", "during step 23", quick=False)  # test_cli.py stops runs side by side.
def _(run):
    return stopped_when_paused(run, signal.SIGTERM, "step", 23)


@fault("Ctrl-C while training", "SIGINT during step 23", quick=False)
def _(run):
    return stopped_when_paused(run, signal.SIGINT, "step", 23)


@fault("SIGTERM during evaluation", "inside the third evaluation, which ends first", quick=False)
def _(run):
    return stopped_when_paused(run, signal.SIGTERM, "evaluation", 3)


@fault("Ctrl-C during compilation", "SIGINT while the update step is traced", quick=False)
def _(run):
    return stopped_when_paused(run, signal.SIGINT, "compilation", 1)


@fault("SIGTERM while saving", "while the checkpoint of step 10 is being written", quick=False)
def _(run):
    return stopped_when_paused(run, signal.SIGTERM, "save", 2)


@fault("a second signal", "SIGTERM twice, inside an evaluation that hangs", quick=False)
def _(run):
    process = runner.Process("line", run, "--pause", "evaluation", "--times", 3)
    process.until_paused()
    process.send(signal.SIGTERM)
    process.until(lambda: "a second signal exits at once" in process.said(), "the answer to the signal")
    process.send(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait() == 128 + signal.SIGTERM
    seconds = time.monotonic() - began
    assert seconds < 2
    continued(run)
    return f"exit code 143 within {max(seconds, 0.1):.1f} s; {EQUAL}"


class Interrupt(Exception):
    """What ends a run in the middle."""


def best_at(best, last=STEPS + 1):
    """The line, with validation made such that one step is the best, and an end before the last step."""
    task, now = tiny.line(), []

    def batch(step):
        if step == last:
            raise Interrupt
        now[:] = [step + 1]
        return task.batch(step)

    return tiny.changed(task, batch=batch, evaluate=lambda params, split: {"rmse": float(abs(now[0] - best))})


@cache
def whole(best):
    """The outcome of a run in this process that nothing disturbed."""
    with tempfile.TemporaryDirectory() as place:
        fit(best_at(best), tiny.settings(STEPS), Path(place), plain=True)
        return outcome(Path(place))


def interrupted(run, best):
    """A run that ended at step 28; its checkpoints are 15, 20, 25 and the best."""
    with pytest.raises(Interrupt):
        fit(best_at(best, last=28), tiny.settings(STEPS), run, plain=True)
    return run / "checkpoints"


def fitted_again(run, best):
    """Continue in this process, compare, and return what was said."""
    with contextlib.redirect_stderr(io.StringIO()) as said:
        fit(best_at(best), tiny.settings(STEPS), run, plain=True)
    assert_equal(outcome(run), whole(best))
    return said.getvalue()


def files(directory):
    return sorted(path for path in directory.rglob("*") if path.is_file())


def flip(path):
    content = bytearray(path.read_bytes())
    if content:
        content[len(content) // 2] ^= 0b00010000
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damaged_one_by_one(run, damage):
    """Damage each file of the newest step, in a copy for each; return how many there are."""
    interrupted(run / "whole", best=25)
    all_files = files(run / "whole" / "checkpoints" / "25")
    damageable = [file for file in all_files if file.stat().st_size or damage == Path.unlink]
    for number, file in enumerate(damageable):
        copy = run / str(number)
        shutil.copytree(run / "whole", copy)
        damage(copy / file.relative_to(run / "whole"))
        said = fitted_again(copy, best=25)
        assert f"{copy}/checkpoints/25: " in said, file
        assert f"moved to {copy}/quarantine" in said
        assert file.name in said or file.name == "sha256.json"  # Of which a flip may look like another array.
        assert "resumed at step 20" in said
    return len(damageable)


@fault("a flipped byte", "in each file of the newest checkpoint, one after the other")
def _(run):
    number = damaged_one_by_one(run, flip)
    return f"{number} of {number} named and moved to quarantine/, step 20 loaded; {EQUAL}"


@fault("a truncated file", "each file of the newest checkpoint, cut to half", quick=False)
def _(run):
    number = damaged_one_by_one(run, truncate)
    return f"{number} of {number} named and moved to quarantine/, step 20 loaded; {EQUAL}"


@fault("a missing file", "each file of the newest checkpoint, removed", quick=False)
def _(run):
    number = damaged_one_by_one(run, Path.unlink)
    return f"{number} of {number} named and moved to quarantine/, step 20 loaded; {EQUAL}"


@fault("an empty newest step", "all files of the newest checkpoint removed, its directory left")
def _(run):
    newest = interrupted(run, best=25) / "25"
    shutil.rmtree(newest)
    newest.mkdir()
    said = fitted_again(run, best=25)
    assert f"{newest}: an empty directory; moved to {run}/quarantine" in said
    return f"moved to quarantine/, step 20 loaded; {EQUAL}"


@fault("an old damage", "a flipped byte in the array data of an earlier step than the newest")
def _(run):
    checkpoints = interrupted(run, best=25)
    for file in files(checkpoints / "15" / "state"):
        flip(file)
    said = fitted_again(run, best=25)
    assert f"{checkpoints}/15: state/" in said
    assert "resumed at step 25" in said
    return f"moved to quarantine/, step 25 loaded; {EQUAL}"


@fault("a stale temporary", "a temporary directory of Orbax beside the checkpoints")
def _(run):
    stale = interrupted(run, best=25) / "30.orbax-checkpoint-tmp"
    (stale / "state").mkdir(parents=True)
    assert f"{stale}: left by a save that was cut off; removed" in fitted_again(run, best=25)
    assert not stale.exists()
    return f"named and removed, step 25 loaded; {EQUAL}"


@fault("all checkpoints damaged", "a flipped byte in every file of every step; started twice")
def _(run):
    checkpoints = interrupted(run, best=25)
    for file in files(checkpoints):
        flip(file)
    for _ in range(2):
        with pytest.raises(RunError, match="no intact checkpoint is left"):
            fit(best_at(25), tiny.settings(STEPS), run, plain=True)
    assert {path.name for path in (run / "quarantine").iterdir()} == {"15", "20", "25"}
    return "exit code 1, all moved to quarantine/; started again it refuses again, no fresh start"


@fault("all checkpoints gone", "the directory checkpoints/ removed")
def _(run):
    shutil.rmtree(interrupted(run, best=25))
    with pytest.raises(RunError, match="no checkpoint, although the run got to step 25"):
        fit(best_at(25), tiny.settings(STEPS), run, plain=True)
    return "exit code 1, no fresh start"


@fault("the best checkpoint damaged, an earlier one intact", "step 20 of 15, 20, 25 is the best and has a flipped byte")
def _(run):
    checkpoints = interrupted(run, best=20)
    flip(max(files(checkpoints / "20" / "state"), key=lambda file: file.stat().st_size))
    said = fitted_again(run, best=20)
    assert "resumed at step 15" in said
    assert f"{checkpoints}/25: comes after step 20" in said
    return f"20 and 25 moved to quarantine/, continued from 15, step 20 made again and chosen; {EQUAL}"


@fault("the best checkpoint damaged, none before it", "step 5 of 5, 15, 20, 25 is the best and is gone")
def _(run):
    shutil.rmtree(interrupted(run, best=5) / "5")
    for _ in range(2):
        with pytest.raises(RunError, match="checkpoints/5: the best on validation, damaged or missing"):
            fit(best_at(5), tiny.settings(STEPS), run, plain=True)
    assert Checkpoints(run / "checkpoints").newest_intact() == 25
    return "exit code 1, the other checkpoints stay in place"


@fault("metrics with a step missing", "a line of metrics.jsonl removed")
def _(run):
    interrupted(run, best=25)
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:6] + lines[7:]))
    with pytest.raises(RunError, match=r"metrics\.jsonl: step 6 is missing or there twice"):
        fit(best_at(25), tiny.settings(STEPS), run, plain=True)
    return "exit code 1, the step named"


@fault("arrays of another type or shape", "the same configuration, but parameters of float16, or of another width")
def _(run):
    interrupted(run, best=25)
    task = best_at(25)
    for change, words in (
        (lambda params: {**params, "b": params["b"].astype(jnp.float16)}, r"float32\[1\] there and float16\[1\] here"),
        (lambda params: {**params, "b": jnp.zeros(2)}, r"float32\[1\] there and float32\[2\] here"),
        (lambda params: {**params, "c": jnp.zeros(2)}, r"/c is absent there and float32\[2\] here"),
    ):
        other = tiny.changed(task, init=lambda key, change=change: change(task.init(key)))
        with pytest.raises(RunError, match=words):
            fit(other, tiny.settings(STEPS), run, plain=True)
    return "exit code 1, the array and both types named; nothing is cast"


class Disk:
    """A small file system of its own, in a mount namespace, that can be filled and made read-only.

    Args:
      place: a directory on which it is mounted, inside the namespace only.
    """

    def __init__(self, place):
        place.mkdir()
        self.place = place
        self._prefix = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        mount = f"mount -t tmpfs -o size=3m tmpfs '{place}' && touch '{place}/ready' && exec sleep 600"
        self._holder = subprocess.Popen([*self._prefix, "sh", "-c", mount], stderr=subprocess.DEVNULL)
        self.seen = Path(f"/proc/{self._holder.pid}/root{place}")
        while not (self.seen / "ready").exists():
            if self._holder.poll() is not None:
                pytest.skip("needs mount namespaces (unshare), which this system refuses")
            time.sleep(0.01)

    def command(self, *words):
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(self._holder.pid), "--mount", *user, *words]

    def fill(self):
        with (self.seen / "fill").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self):
        (self.seen / "fill").unlink()

    def make_read_only(self):
        """Cover it by a read-only view of itself: a remount would wait for the lock file, which is open."""
        place = str(self.place)
        script = f"mount --bind '{place}' '{place}' && mount -o remount,bind,ro '{place}'"
        subprocess.run(self.command("sh", "-c", script), check=True)

    def make_writable(self):
        subprocess.run(self.command("umount", str(self.place)), check=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._holder.kill()
        self._holder.wait()


def saving_fails_and_recovers(run, fail, recover, word):
    with Disk(run.with_name("disk")) as disk:
        process = runner.Process("line", run, "--slow", 0.15, disk=disk)
        saved = disk.seen / "run" / "checkpoints"
        process.until((saved / "10" / "sha256.json").exists, "step 10 saved")
        fail(disk)
        process.until(lambda: f"({word})" in process.said(), "the message")
        intact = Checkpoints(saved).newest_intact()
        assert intact >= 10
        time.sleep(0.6)  # Two more saves fail meanwhile, without another word.
        recover(disk)
        process.until(lambda: "saving works again" in process.said(), "a save that works")
        assert process.wait() == 0, process.said()
        assert process.said().count("cannot save step") == 1
        assert_equal(outcome(disk.seen / "run"), straight())
    return f"one message, training goes on, step {intact} stays loadable, later saves work; all equal bit for bit"


@fault("disk full for a while", "a file system of 3 MB filled at step 10 and freed later")
def _(run):
    return saving_fails_and_recovers(run, Disk.fill, Disk.free, os.strerror(errno.ENOSPC))


@fault("read-only for a while", "the file system made read-only at step 10, and writable later", quick=False)
def _(run):
    word = os.strerror(errno.EROFS)
    return saving_fails_and_recovers(run, Disk.make_read_only, Disk.make_writable, word)


def full_until(run, end):
    """Fill the disk at step 10, let the process end as ``end`` wants, free the disk and continue."""
    with Disk(run.with_name("disk")) as disk:
        process = runner.Process("line", run, "--slow", 0.02, disk=disk)
        process.until((disk.seen / "run" / "checkpoints" / "10" / "sha256.json").exists, "step 10 saved")
        disk.fill()
        end(process)
        disk.free()
        process = runner.Process("line", run, disk=disk)
        assert process.wait() == 0, process.said()
        assert_equal(outcome(disk.seen / "run"), straight())
    return process.said()


@fault("disk full to the end", "the file system filled at step 10, freed after the process has ended", quick=False)
def _(run):
    def end(process):
        assert process.wait() == 1, process.said()
        assert "the last checkpoint cannot be saved (No space left on device)" in process.said()

    full_until(run, end)
    return f"exit code 1 with one sentence; after freeing {EQUAL}"


@fault("SIGTERM on a full disk", "the file system filled at step 10, then SIGTERM", quick=False)
def _(run):
    def end(process):
        process.until(lambda: "cannot save" in process.said(), "the message")
        process.send(signal.SIGTERM)
        assert process.wait() == STOPPED, process.said()
        assert "cannot be saved (No space left on device)" in process.said()

    full_until(run, end)
    return f"exit code 75, the message names the reason; after freeing {EQUAL}"


def with_batches(change):
    task = tiny.line()
    return tiny.changed(task, batch=lambda step: change(step, task.batch(step)))


@fault("one batch that is not finite", "NaN in the inputs of step 12")
def _(run):
    def change(step, batch):
        return {**batch, "x": batch["x"] * np.nan} if step == 11 else batch

    fitted = fit(with_batches(change), tiny.settings(STEPS), run, plain=True)
    skipped = [line["skipped_steps"] for line in outcome(run).metrics if "loss" in line]
    assert skipped == [0] * 11 + [1] * 29
    assert all(np.isfinite(leaf).all() for leaf in fitted.params.values())
    return "the step is skipped and counted (skipped_steps 1), training goes on"


@fault("a loss that stays not finite", "NaN in the inputs from step 23 on, skip_limit 10")
def _(run):
    def change(step, batch):
        return {**batch, "x": batch["x"] * np.nan} if step >= 22 else batch

    words = "not finite at step 23 and at every one up to 32; all were skipped"
    for _ in range(2):  # Started again, it comes to the same end.
        with pytest.raises(RunError, match=words):
            fit(with_batches(change), tiny.settings(STEPS), run, plain=True)
    newest = Checkpoints(run / "checkpoints").newest_intact()
    like = jax.eval_shape(tiny.line().init, jax.random.key(0))
    loaded = Checkpoints(run / "checkpoints").load(newest, like, part="params")
    assert all(np.isfinite(leaf).all() for leaf in loaded.values())
    return f"exit code 1 at step 32, naming step 23; checkpoint {newest} holds the parameters before it"


@fault(
    "two processes in one directory",
    "a second one started while the first trains; then the first is killed",
    quick=False,
)
def _(run):
    process = runner.Process("line", run, "--pause", "step", "--times", 23)
    process.until_paused()
    with pytest.raises(InputError, match=f"process {process.pid} on .* is training in this directory"):
        fit(tiny.line(), tiny.settings(STEPS), run, plain=True)
    process.send(signal.SIGKILL)
    process.wait()
    continued(run)
    return f"the second refuses with exit code 2, naming the first; the killed one's lock does not block; {EQUAL}"


@fault("another configuration, other data", "the same directory with other steps, or data of another SHA-256")
def _(run):
    interrupted(run, best=25)
    before = {path: path.read_bytes() for path in files(run)}
    with pytest.raises(InputError, match=r"train\.steps = 40 there, 50 asked"):
        fit(best_at(25), tiny.settings(50), run, plain=True)
    with pytest.raises(InputError, match=r"task\.data\.sha256 = 'sha' there, 'other' asked"):
        fit(tiny.line(data="other"), tiny.settings(STEPS), run, plain=True)
    assert {path: path.read_bytes() for path in files(run)} == before
    new = run.with_name("new")
    fit(tiny.line(data="other"), tiny.settings(5), new, init_from=run, plain=True)
    assert json.loads((new / "config.json").read_text())["init_from"]["steps"] == [25]
    return "refused with exit code 2, the fields named, nothing touched; --init-from starts a new run from its weights"
