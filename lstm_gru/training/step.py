"""One step of training: the state, and the compiled function from one to the next."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lstm_gru.config import TrainConfig
from lstm_gru.task import Params
from lstm_gru.training.devices import Devices
from lstm_gru.training.optimizer import make_optimizer

WISHES = "wishes"  # The metric that several processes send along.


class TrainState(NamedTuple):
    """All that changes while training."""

    params: Params
    optimizer: optax.OptState
    step: jax.Array


def initial_state(params: Params, config: TrainConfig) -> TrainState:
    """Return the state before the first step."""
    return TrainState(params, make_optimizer(config).init(params), jnp.zeros((), jnp.int32))


@cache  # Tasks that share a loss, such as the folds of a rolling-origin evaluation, share the compilation.
def compiled_update(loss: Callable[..., Any], config: TrainConfig, devices: Devices) -> Callable[..., Any]:
    """Return the jitted ``(state, batch, key, wishes=None) -> (state, {metric: scalar})``; the state is donated.

    A step whose loss or gradient is not finite leaves parameters and optimiser as they are, and is counted.
    Wishes, bool ``[devices, W]`` where several processes share the run, come back as the metric `WISHES`: whether
    anybody has them.

    Args:
      loss: a task's.
      config: settings of the optimiser.
      devices: where state and batch have been placed.
    """
    optimizer, value_and_gradient = make_optimizer(config), devices.value_and_gradient(loss)

    def update(
        state: TrainState, batch: Any, key: jax.Array, wishes: jax.Array | None = None
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        noise = jax.random.fold_in(key, state.step)
        (value, metrics), gradient = value_and_gradient(state.params, batch, noise)
        norm = optax.tree.norm(gradient)
        finite = jnp.isfinite(value) & jnp.isfinite(norm)  # The optimiser itself looks at the gradient only.
        gradient = jax.tree.map(lambda leaf: jnp.where(finite, leaf, jnp.nan), gradient)
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        skipped = optimizer_state.total_notfinite
        report = {"loss": value, **metrics, "gradient_norm": norm, "skipped_steps": skipped}
        if wishes is not None:
            report[WISHES] = wishes.any(axis=0)
        return devices.keep(TrainState(params, optimizer_state, state.step + 1)), report

    return jax.jit(update, donate_argnums=0)
