"""The contract of every task: killed and started again, it ends in the same bytes as a run that nothing disturbed."""

import random
import signal

import faults
import pytest
import runner

# "line" is what test_faults.py kills in more ways; "seasonal" and "translation" are made of what the others are.
LONG = ("line", "seasonal", "translation")


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=pytest.mark.long if task in LONG else []) for task in runner.TASKS]
)
def test_killed_at_random_and_started_again_ends_in_the_same_bytes(task, tmp_path):
    run, chance = tmp_path / "run", random.Random(task)
    steps = runner.TASKS[task]()[1].steps
    try:
        process, target = runner.Process(task, run, "--slow", 0.05, "--save-seconds", 0.1), chance.randrange(2, steps)
        process.until(lambda: reached(run, target), f"step {target}")
        process.send(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
        faults.continued(run, task)
    finally:
        runner.end_all()


def reached(run, step):
    metrics = run / "metrics.jsonl"
    return metrics.exists() and f'{{"step": {step},' in metrics.read_text()
