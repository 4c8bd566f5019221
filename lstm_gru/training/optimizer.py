"""The optimiser of the common loop, from Optax's parts."""

import jax
import jax.numpy as jnp
import optax

from lstm_gru.config import TrainConfig
from lstm_gru.task import Params

NEVER = jnp.iinfo(jnp.int32).max


def make_optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """Return AdamW (Loshchilov & Hutter 2019) after clipping by global norm, on the configured schedule.

    A gradient that is not finite changes nothing and is counted, in a row (``notfinite_count``) and in all
    (``total_notfinite``). Optax would let one through after so many in a row; here that is never, since the
    loop gives up long before (``skip_limit``).
    """
    inner = optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(learning_rate(config), weight_decay=config.weight_decay, mask=_is_matrix),
    )
    return optax.apply_if_finite(inner, max_consecutive_errors=NEVER)


def learning_rate(config: TrainConfig) -> optax.Schedule:
    """Return the learning rate as a function of the step: linear warm-up, then the configured course.

    ``inverse_sqrt`` is η / √(1 + t / w), t steps after a warm-up of w steps (Vaswani et al. 2017, section 5.3,
    scaled so that the peak is η); without a warm-up w is 1.
    """
    peak, warmup = config.learning_rate, config.warmup_steps
    after = max(config.steps - warmup, 1)
    courses = {
        "constant": optax.constant_schedule(peak),
        "linear": optax.linear_schedule(peak, 0.0, after),
        "cosine": optax.cosine_decay_schedule(peak, after),
        "inverse_sqrt": lambda step: peak / jnp.sqrt(1 + jnp.maximum(step, 0) / max(warmup, 1)),
    }
    if not warmup:
        return courses[config.schedule]
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), courses[config.schedule]], [warmup])


def _is_matrix(params: Params) -> Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
