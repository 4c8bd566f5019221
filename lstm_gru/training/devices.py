"""The devices of a run: each has a share of a batch's rows and, where asked, of large matrices; both rules are here.

All devices of all processes are one mesh, ``data`` × ``model``. The rows of a batch are divided among all of them; each
has the loss and the gradient of its own rows, and what is summed over devices is one number for each parameter.
Parameters and what the optimiser keeps of them are equal on all devices. With a ``model`` axis of more than one, large
matrices are kept in pieces along it, put together for a step, and their gradients added up in pieces: Rajbhandari,
Rasley, Ruwase & He 2020 (ZeRO, arXiv:1910.02054), section 5, within each group of devices along ``model``.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from lstm_gru.errors import InputError
from lstm_gru.task import Batch, Params

DATA, MODEL = AXES = ("data", "model")
LARGE = 2**14  # Values of a matrix that is worth splitting.

ValueAndGradient = Callable[[Params, Batch, jax.Array], tuple[tuple[jax.Array, dict[str, jax.Array]], Params]]


@dataclass(frozen=True)
class Devices:
    """The devices that share a run.

    Attributes:
      mesh: all of them, ``data`` × ``model``.
      shared: entries of a batch that have no rows and go to every device as they are.
    """

    mesh: Mesh
    shared: Collection[str] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return self.mesh.size

    @property
    def splits(self) -> int:
        """Over how many of them a large matrix is split."""
        return self.mesh.shape[MODEL]

    @cached_property
    def _everywhere(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec())

    def piece(self, leaf: Any) -> PartitionSpec:
        """Return how a parameter, or what the optimiser keeps of it, is split: the one rule for matrices.

        A matrix of at least 16,384 values, as the kernels of wide layers and embeddings are, is split along the longest
        of its axes that the pieces divide.
        """
        shape = jnp.shape(leaf)
        axes = [axis for axis, size in enumerate(shape) if size % self.splits == 0]
        if self.splits == 1 or len(shape) < 2 or np.prod(shape) < LARGE or not axes:
            return PartitionSpec()
        axis = max(axes, key=lambda axis: shape[axis])
        return PartitionSpec(*[None] * axis, MODEL)

    def rows(self, name: str) -> PartitionSpec:
        """Return how an entry of a batch is split: the one rule for batches, by rows."""
        return PartitionSpec() if name in self.shared else PartitionSpec(AXES)

    def place(self, state: Any) -> Any:
        """Return a training state, of which every process has all, on the devices.

        Raises:
          InputError: when matrices are to be split and none is large enough.
        """
        if self.count == 1:
            return state
        if self.splits > 1 and not any(self.piece(leaf) for leaf in jax.tree.leaves(state)):
            raise InputError(
                f"matrices split over {self.splits} devices: none has {LARGE:,} values and an axis that {self.splits} "
                "divides; expected 1 for this model"
            )
        return jax.tree.map(lambda leaf: _placed(leaf, NamedSharding(self.mesh, self.piece(leaf))), state)

    def place_batch(self, batch: Batch) -> Batch:
        """Return a batch, of which every process has all, on the devices; each process hands over its own rows.

        Rows of zeros, which count nothing, fill it up to a multiple of the devices.
        """
        if self.count == 1:
            return batch
        return {
            name: self.place_everywhere(leaf) if name in self.shared else self.place_rows(self._filled(leaf))
            for name, leaf in batch.items()
        }

    def place_everywhere(self, leaf: Any) -> jax.Array:
        """Return an array that is equal in every process, as a key, whole on each of the devices."""
        return leaf if self.count == 1 else _placed(leaf, self._everywhere)

    def place_rows(self, rows: np.ndarray) -> jax.Array:
        """Return an array of rows, of which every process has all, on the devices."""
        return _placed(rows, NamedSharding(self.mesh, PartitionSpec(AXES)))

    def _filled(self, leaf: np.ndarray) -> np.ndarray:
        missing = -len(leaf) % self.count
        return np.pad(leaf, ((0, missing), *((0, 0) for _ in leaf.shape[1:]))) if missing else leaf

    def keep(self, state: Any) -> Any:
        """Inside a compiled step, return its new state where `place` puts one."""
        if self.count == 1:
            return state
        place = lambda leaf: NamedSharding(self.mesh, self.piece(leaf))  # noqa: E731
        return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, place(leaf)), state)

    def whole(self, tree: Any) -> Any:
        """Return arrays as this process's first device has them, matrices put together.

        They are valid until those that were given are donated.
        """
        if self.count == 1:
            return tree
        return jax.tree.map(lambda leaf: self._put_together(leaf).addressable_data(0), tree)

    def on_host(self, state: Any) -> Any:
        """Return a state as NumPy arrays; one matrix after the other is put together, never all at once."""
        if self.count == 1:
            return state
        return jax.tree.map(lambda leaf: np.array(self._put_together(leaf).addressable_data(0)), state)

    def _put_together(self, leaf: jax.Array) -> jax.Array:
        return self._whole(leaf) if self.piece(leaf) else leaf

    @cached_property
    def _whole(self) -> Callable[[jax.Array], jax.Array]:
        return jax.jit(lambda leaf: leaf, out_shardings=self._everywhere)

    def value_and_gradient(self, loss: Callable[..., Any]) -> ValueAndGradient:
        """Return ``(params, batch, key) -> ((mean loss, {metric: mean}), gradient)`` of all rows on all devices.

        Sums are divided by the weights of all rows, so that the result does not depend on how rows are divided.

        Args:
          loss: a task's.
        """
        if self.count == 1:
            return lambda params, batch, key: _of_rows(loss, params, batch, key, add=lambda tree: tree)

        def apply(params: Params, batch: Batch, key: jax.Array) -> Any:
            pieces = jax.tree.map(self.piece, params)

            def of_own_rows(params: Params, batch: Batch, key: jax.Array) -> Any:
                together = jax.tree.map(_put_together, params, pieces)
                mean, gradient = _of_rows(loss, together, batch, key, add=lambda tree: jax.lax.psum(tree, AXES))
                return mean, jax.tree.map(_add_up, gradient, pieces)

            everywhere = PartitionSpec()
            return jax.shard_map(
                of_own_rows,
                mesh=self.mesh,
                in_specs=(pieces, {name: self.rows(name) for name in batch}, everywhere),
                out_specs=((everywhere, everywhere), pieces),
                check_vma=False,  # Nothing here relies on which values differ between devices.
            )(params, batch, key)

        return apply


def one_device() -> Devices:
    """Return the first device of this process."""
    devices = jax.local_devices()[:1]
    return Devices(jax.make_mesh((1, 1), AXES, devices=devices, axis_types=(AxisType.Auto,) * 2))


def all_devices(splits: int = 1) -> Devices:
    """Return all devices of all processes.

    Args:
      splits: over how many of them, side by side, a large matrix is split.

    Raises:
      InputError: when so many do not divide the devices.
    """
    count = jax.device_count()
    if splits < 1 or count % splits:
        raise InputError(f"matrices split over {splits} devices; expected a divisor of the {count} devices there are")
    return Devices(jax.make_mesh((count // splits, splits), AXES, axis_types=(AxisType.Auto,) * 2))


def _of_rows(
    loss: Callable[..., Any], params: Params, batch: Batch, key: jax.Array, add: Callable[[Any], Any]
) -> tuple[Any, Params]:
    """The means over the rows of all devices, and this device's share of the gradient; ``add`` sums over devices."""

    def total(params: Params) -> tuple[jax.Array, Any]:
        (total, weight), metrics = loss(params, batch, key)
        return total, (weight, metrics)

    value, pull_back, (weight, metrics) = jax.vjp(total, params, has_aux=True)
    value, weight, metrics = add((value, weight, metrics))
    mean = (_mean(value, weight), {name: _mean(*pair) for name, pair in metrics.items()})
    (gradient,) = pull_back(_mean(jnp.ones_like(value), weight))
    return mean, gradient


def _mean(total: jax.Array, weight: jax.Array) -> jax.Array:
    """Sum over weight; 0 for a batch in which nothing counts."""
    return jnp.where(weight > 0, total / jnp.maximum(weight, jnp.finfo(jnp.float32).tiny), 0.0)


def _put_together(leaf: jax.Array, piece: PartitionSpec) -> jax.Array:
    return jax.lax.all_gather(leaf, MODEL, axis=len(piece) - 1, tiled=True) if piece else leaf


def _add_up(gradient: jax.Array, piece: PartitionSpec) -> jax.Array:
    """The sum over all devices, of a matrix that is split this device's piece of it."""
    if not piece:
        return jax.lax.psum(gradient, AXES)
    own = jax.lax.psum_scatter(gradient, MODEL, scatter_dimension=len(piece) - 1, tiled=True)
    return jax.lax.psum(own, DATA)


def _placed(leaf: Any, sharding: NamedSharding) -> jax.Array:
    if jax.process_count() == 1:
        return jax.device_put(leaf, sharding)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_placed(jax.random.key_data(leaf), sharding))
    whole = np.asarray(leaf)  # Of the pieces only those for this process's devices are asked for.
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])
