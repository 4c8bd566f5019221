"""What is measured: models, shapes, and the ways to use them."""

from typing import NamedTuple


class Case(NamedTuple):
    """One layer on one shape.

    Attributes:
      model: ``rnn``, ``lstm``, ``gru`` or ``bilstm``.
      batch: B.
      time: T.
      in_features: F.
      features: H, of each direction.
    """

    model: str
    batch: int
    time: int
    in_features: int
    features: int

    @property
    def shape(self) -> str:
        """``B×T×F×H``."""
        return "×".join(map(str, self[1:]))

    @property
    def width(self) -> int:
        """Width of the outputs."""
        return self.features * (2 if self.model == "bilstm" else 1)

    @property
    def parameters(self) -> int:
        """How many parameters the layer has here."""
        weights = self.features * (self.in_features + self.features + 1)
        return {
            "rnn": weights,
            "lstm": 4 * weights,
            "gru": 3 * weights + self.features,
            "bilstm": 8 * weights,
        }[self.model]


MODELS = ("rnn", "lstm", "gru", "bilstm")
SHAPES = (
    (64, 64, 256, 256),
    (32, 48, 8, 64),
    (16, 512, 128, 128),
    (64, 64, 512, 512),
    (1, 128, 256, 256),
    (256, 24, 16, 32),
    (8, 2048, 64, 64),
)
# Gradients of parameters and inputs; outputs; one step of one row; where the time of training goes.
MODES = ("training", "inference", "step", "profile")
STEPS = 100  # A step is too short to be timed alone.


def as_large(model: str, shape: tuple[int, int, int, int]) -> Case:
    """Return the case of a model whose width gives it the parameters that an LSTM has on this shape."""
    goal = Case("lstm", *shape).parameters
    cases = (Case(model, *shape[:3], features) for features in range(1, 4 * shape[3]))
    return min(cases, key=lambda case: abs(case.parameters - goal))


def measurements(models: tuple[str, ...] = MODELS, shapes: tuple = SHAPES) -> list[tuple[Case, str]]:
    """Return all that is measured; a step, of batch 1, depends on the widths only, and needs one direction."""
    found, widths = [], set()
    for model in models:
        for shape in shapes:
            case = Case(model, *shape)
            found += [(case, "training"), (case, "inference")]
            if model != "bilstm" and (model, shape[2:]) not in widths:
                widths.add((model, shape[2:]))
                found.append((case._replace(batch=1, time=1), "step"))
    return found


def own_measurements(models: tuple[str, ...] = MODELS, shapes: tuple = SHAPES) -> list[tuple[Case, str]]:
    """Return what is measured of this library only: GRU and RNN as large as the LSTM, and profiles."""
    cases = [as_large(model, shape) for model in models if model in ("rnn", "gru") for shape in shapes]
    found = [(case, mode) for case in cases for mode in ("training", "inference")]
    return found + [(Case(model, *shape), "profile") for model in models for shape in shapes]
