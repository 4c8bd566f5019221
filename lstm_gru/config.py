"""Settings as frozen dataclasses: a misspelt field raises, and equal settings are one compiled step."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, get_type_hints

import tyro

from lstm_gru.errors import InputError


@dataclass(frozen=True)
class TrainConfig:
    """Settings of the common training loop."""

    steps: int = 1000
    """Number of updates."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    schedule: Literal["constant", "linear", "cosine", "inverse_sqrt"] = "cosine"
    """Course of the learning rate after the warm-up; linear and cosine end at 0, inverse_sqrt is the Transformer's."""
    warmup_steps: int = 0
    """Updates over which the learning rate rises linearly from 0."""
    weight_decay: float = 0.0
    """Decoupled decay of weight matrices, as a factor of the learning rate; biases are not decayed."""
    clip_norm: float = 1.0
    """Largest global norm of the gradient; longer ones are scaled down to it."""
    evaluate_every: int = 100
    """Updates between two evaluations, each followed by a checkpoint."""
    log_every: int = 10
    """Updates between two lines of training metrics."""
    patience: int = 0
    """Evaluations in a row without a better one after which training ends early; 0 trains all steps."""
    average: int = 1
    """How many checkpoints, the best on validation, are averaged into the parameters that are scored."""
    skip_limit: int = 10
    """Steps in a row with a loss or gradient that is not finite, each skipped, at which training gives up."""
    seed: tyro.conf.Suppress[tyro.conf.Fixed[int]] = 0
    """Decides initial parameters, batches and noise; the command line sets it by --seed."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        for name in ("steps", "evaluate_every", "log_every", "average", "skip_limit"):
            require(self, name, low=1)
        for name in ("warmup_steps", "weight_decay", "patience", "seed"):
            require(self, name, low=0)
        for name in ("learning_rate", "clip_norm"):
            require(self, name, above=0)


def require(
    config: Any,
    name: str,
    *,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
) -> None:
    """Raise unless a field is a finite number within its range.

    Args:
      config: the dataclass instance.
      name: its field.
      low: smallest value allowed.
      above: the value must be greater than this.
      high: largest value allowed.
      below: the value must be smaller than this.

    Raises:
      InputError: naming the field, its value and the range.
    """
    value = getattr(config, name)
    bounds = {
        "at least": (low, lambda bound: value >= bound),
        "above": (above, lambda bound: value > bound),
        "at most": (high, lambda bound: value <= bound),
        "below": (below, lambda bound: value < bound),
    }
    given = {words: (bound, holds) for words, (bound, holds) in bounds.items() if bound is not None}
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not all(holds(bound) for bound, holds in given.values()):
        expected = " and ".join(f"{words} {bound:g}" for words, (bound, _) in given.items())
        raise InputError(f"{type(config).__name__}: {name} = {value!r}; expected a number {expected}")


def require_choice(config: Any, name: str, choices: Any) -> None:
    """Raise `InputError` unless a field is one of ``choices``, naming them."""
    value = getattr(config, name)
    if value not in choices:
        raise InputError(f"{type(config).__name__}: {name} = {value!r}; expected one of {', '.join(choices)}")


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``("train.steps", 1000)`` and so on for nested mappings, for naming the fields that differ."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def from_settings(kind: type, settings: Mapping[str, Any]) -> Any:
    """Return a configuration from the nested mapping that `dataclasses.asdict` makes of it.

    Args:
      kind: the dataclass; its fields may be dataclasses.
      settings: a value for each field, lists for tuples where they come from JSON. A field that was not there yet when
        they were written has its default, with which they were made.

    Raises:
      InputError: naming a field that is unknown or out of range.
    """
    names = {field.name for field in fields(kind)}
    if unknown := ", ".join(sorted(set(settings) - names)):
        raise InputError(f"{kind.__name__}: fields unknown: {unknown}; expected {', '.join(sorted(names))}")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in settings.items()})


def _value(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return from_settings(kind, value)
    return tuple(value) if isinstance(value, list) else value
