"""What worker processes do in tests, instead of training: by the seed of a run."""

import os
import signal
import time

from lstm_gru.errors import InputError, Stopped
from lstm_gru.training.stopping import stop_request


def execute(run):
    """Seed 13 ends the process without a word, 14 cannot go on, both once their file is there, if they name one.

    Seed 15 saves when it is asked to stop; others say which process did them.
    """
    while run.seed in (13, 14) and run.directory.suffix and not run.directory.exists():
        time.sleep(0.05)
    if run.seed == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    if run.seed == 14:
        raise InputError("seed 14")
    if run.seed == 15:
        with stop_request() as stop:
            run.directory.with_suffix(".begun").touch()
            while not stop.made:
                time.sleep(0.05)
        run.directory.write_text("saved")
        raise Stopped()
    return {"seed": run.seed, "process": os.getpid(), "plain": run.plain}
