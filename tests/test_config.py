"""Settings: their ranges, and what the refusals say."""

import json
from dataclasses import FrozenInstanceError, asdict, dataclass

import pytest

from lstm_gru.config import TrainConfig, flatten, from_settings, require, require_choice
from lstm_gru.errors import InputError
from lstm_gru.models.seasonal import SeasonalForecasterConfig
from lstm_gru.tasks.seasonal import SeasonalConfig


@dataclass(frozen=True)
class One:
    x: object = 1


def test_defaults_and_edges_are_accepted():
    TrainConfig(steps=1, evaluate_every=1, log_every=1, warmup_steps=0, weight_decay=0.0, learning_rate=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *((dict([(name, 0)]), f"{name} = 0; expected a number at least 1") for name in ("steps", "evaluate_every")),
        (dict(log_every=-1), "log_every = -1; expected a number at least 1"),
        (dict(warmup_steps=-1), "warmup_steps = -1; expected a number at least 0"),
        (dict(weight_decay=-0.1), "weight_decay = -0.1; expected a number at least 0"),
        (dict(seed=-1), "seed = -1; expected a number at least 0"),
        (dict(learning_rate=0.0), "learning_rate = 0.0; expected a number above 0"),
        (dict(clip_norm=0.0), "clip_norm = 0.0; expected a number above 0"),
    ],
)
def test_training_settings_out_of_range_are_named(change, message):
    with pytest.raises(InputError, match=f"^TrainConfig: {message}$"):
        TrainConfig(**change)


def test_settings_cannot_be_misspelt_or_changed():
    with pytest.raises(TypeError, match="stepz"):
        TrainConfig(stepz=3)
    with pytest.raises(FrozenInstanceError):
        TrainConfig().steps = 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), True, "3", None])
def test_what_is_not_a_finite_number_is_refused(bad):
    with pytest.raises(InputError, match=r"One: x = .*; expected a number at least 0$"):
        require(One(bad), "x", low=0)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "words"),
    [
        (dict(low=1), 1, 0.999, "at least 1"),
        (dict(above=1), 1.001, 1, "above 1"),
        (dict(high=2), 2, 2.001, "at most 2"),
        (dict(below=2), 1.999, 2, "below 2"),
        (dict(low=0, below=1), 0, 1, "at least 0 and below 1"),
        (dict(above=0, high=0.5), 0.5, 0, "above 0 and at most 0.5"),
    ],
)
def test_each_bound_holds_at_its_edge(bounds, inside, outside, words):
    require(One(inside), "x", **bounds)
    with pytest.raises(InputError, match=f"^One: x = {outside}; expected a number {words}$"):
        require(One(outside), "x", **bounds)


def test_a_wrong_choice_is_answered_with_the_right_ones():
    require_choice(One("a"), "x", {"a": 1, "b": 2})
    with pytest.raises(InputError, match=r"^One: x = 'c'; expected one of a, b$"):
        require_choice(One("c"), "x", {"a": 1, "b": 2})


def test_flatten_joins_names_with_dots():
    nested = {"train": {"steps": 3, "rate": {"peak": 0.1}}, "seed": 0, "empty": {}, "list": [1]}
    assert list(flatten(nested)) == [("train.steps", 3), ("train.rate.peak", 0.1), ("seed", 0), ("list", [1])]


def test_settings_come_back_from_their_mapping():
    config = SeasonalConfig(model=SeasonalForecasterConfig(cell="lstm", features=3), train=TrainConfig(steps=7, seed=2))
    mapping = json.loads(json.dumps(asdict(config)))
    assert from_settings(SeasonalConfig, mapping) == config
    del mapping["train"]["clip_norm"]
    assert from_settings(SeasonalConfig, mapping) == config
    mapping["train"]["stepz"] = 1
    with pytest.raises(InputError, match="TrainConfig: fields unknown: stepz; expected average"):
        from_settings(SeasonalConfig, mapping)
