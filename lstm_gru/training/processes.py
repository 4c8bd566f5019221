"""Several processes that share a run: which of them writes, what the others are told, and how all stop together.

The first process alone reads and writes the run's directory, so that the others need not see its disk. All processes
make the same steps in the same order: whatever decides what comes next is either the same everywhere, as the step, or
told by the first process.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from lstm_gru.errors import InputError, RunError
from lstm_gru.training.devices import Devices

BLOCK = 1024  # Bytes; what is told comes in whole blocks, so that few sizes are compiled.


def start_processes(address: str | None = None, count: int | None = None, index: int | None = None) -> None:
    """Join this process with the others of its run; call this before anything else of JAX, and in all at about a time.

    Args:
      address: ``HOST:PORT`` of the first process; None reads all three from what the cluster (Slurm, Open MPI,
        Kubernetes, Cloud TPU) says of itself.
      count: how many processes there are.
      index: which of them this is, from 0.

    Raises:
      InputError: when only some of the three are given, when they do not fit each other, when there is no cluster, or
        when processes have different numbers of devices.
    """
    _check_processes(address, count, index)
    # Its handler of SIGTERM would take the signal for itself, before training could.
    jax.config.update("jax_enable_preemption_service", False)
    if address is not None:
        print(f"process {index} of {count}: waiting up to 5 minutes for the others at {address}", file=sys.stderr)
        # Inside a Slurm job, JAX would otherwise leave each process only one of its GPUs.
        jax.distributed.initialize(address, count, index, cluster_detection_method="deactivate")
    else:
        try:
            jax.distributed.initialize()
        except ValueError as error:
            raise InputError(
                "no cluster found in the environment (Slurm, Open MPI, Kubernetes, Cloud TPU); expected one, or "
                "coordinator, processes and process"
            ) from error
    own = Counter(device.process_index for device in jax.devices())
    if len(set(own.values())) > 1:
        raise InputError(f"devices of the processes: {[own[k] for k in sorted(own)]}; expected as many in each")
    any_process(False)  # The first that they do together has a time limit, so it is done now.


def _check_processes(address: str | None, count: int | None, index: int | None) -> None:
    known = [value is not None for value in (address, count, index)]
    if any(known) and not all(known):
        raise InputError("processes: expected all of coordinator (HOST:PORT), processes and process, or none of them")
    if address is None:
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"coordinator = {address!r}; expected HOST:PORT, as node1:1234")
    if count < 1:
        raise InputError(f"processes = {count}; expected at least 1")
    if not 0 <= index < count:
        raise InputError(f"process = {index}; expected 0 to {count - 1}, as there are {count} processes")


def is_first() -> bool:
    """Return whether this process reads and writes the run's directory."""
    return jax.process_index() == 0


def told(make: Callable[[], Any]) -> Any:
    """Return what ``make`` returns in the first process, plain JSON values, in all of them; the others do not call it.

    Raises:
      InputError: in all processes, when ``make`` does.
      RunError: likewise; also in the others, where ``make`` raises anything else in the first.

    Example:
      >>> told(lambda: {"step": 100})
      {'step': 100}
    """
    if jax.process_count() == 1:
        return make()
    failure, said = None, ""
    if is_first():
        try:
            said = json.dumps([make(), None, None])
        except Exception as error:  # Whatever it is, the others must not wait for what will not come.
            failure, said = error, json.dumps([None, str(error), type(error).__name__])
    value, error, kind = json.loads(_broadcast(said))
    if failure is not None:
        raise failure
    if error is not None:
        raise InputError(error) if kind == "InputError" else RunError(error)
    return value


def _broadcast(text: str) -> str:
    encoded = text.encode()
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(encoded))))
    block = np.zeros(-(-size // BLOCK) * BLOCK, np.uint8)
    block[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(block))[:size].tobytes().decode()


def given(make: Callable[[], Any], like: Any) -> Any:
    """Return the arrays that ``make`` returns in the first process in all of them; the others do not call it.

    Args:
      make: returns arrays of one process.
      like: arrays of the same structure, shapes and types.

    Raises:
      InputError: as `told`.
      RunError: as `told`.
    """
    if jax.process_count() == 1:
        return make()
    found = [like]
    told(lambda: found.__setitem__(0, make()))
    return jax.tree.map(jnp.asarray, multihost_utils.broadcast_one_to_all(found[0]))


def any_process(wish: bool) -> bool:
    """Return whether any process has a wish; all of them ask at once."""
    return bool(np.any(multihost_utils.process_allgather(np.array(wish)))) if jax.process_count() > 1 else wish


class Agreement:
    """What any process wishes, known to all of them two steps later.

    Wishes travel with a step, and are read when the next one has been begun, so that nobody waits for them; a
    computation of their own would meet those of the steps in another order in each process. One process by itself hears
    its own wishes at once.

    Args:
      devices: of the run.
    """

    def __init__(self, devices: Devices):
        self._devices, self._several = devices, jax.process_count() > 1
        self._wishes: tuple[bool, ...] = (False, False)
        self._heard: jax.Array | None = None

    def to_send(self) -> jax.Array | None:
        """Return the wishes that the next step takes along; None where there is nobody else."""
        if not self._several:
            return None
        return self._devices.place_rows(np.tile(np.array(self._wishes), (self._devices.count, 1)))

    def __call__(self, sent: jax.Array | None, *wishes: bool) -> tuple[bool, ...]:
        """Return for each wish whether any process has it.

        Args:
          sent: what came back of the wishes that the step took along.
          wishes: of this process.
        """
        if not self._several:
            return wishes
        before, self._heard, self._wishes = self._heard, sent, wishes
        return (False,) * len(wishes) if before is None else tuple(np.asarray(before).tolist())


class NoFiles:
    """In place of a run's directory, checkpoints and progress in a process that is not the first: does nothing."""

    def log(self, line: Any) -> None:
        """As `RunDirectory.log`."""

    def save(self, step: int, state: Any, needed: Any = ()) -> None:
        """As `Checkpoints.save`."""

    def wait(self) -> None:
        """As `Checkpoints.wait`."""

    def start(self, step: int) -> None:
        """As `RunProgress.start`."""

    def update(self, step: int, metrics: Any = None) -> None:
        """As `RunProgress.update`."""
