"""Cells, and the biases that the gate which keeps the old state starts with: the variants of what tests memory.

Source: Jozefowicz, Zaremba & Sutskever 2015, section 2.2 (an LSTM's bias of 1); Tallec & Ollivier 2018, section 2.2
(chrono); Le, Jaitly & Hinton 2015, section 4.1 (the identity for rectified units).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from lstm_gru.models.sequence import SequenceConfig
from lstm_gru.tasks.memory import MemoryConfig


class Start(NamedTuple):
    """A cell and what its parameters start with.

    Attributes:
      cell: its name.
      label: of tables and plots.
      settings: what differs from the cell's defaults.
    """

    cell: str
    label: str
    settings: Mapping[str, Any] = MappingProxyType({})


STARTS = {
    "rnn": Start("rnn", "RNN"),
    "irnn": Start("irnn", "IRNN (rectified, identity)", {"init": "identity"}),
    "mgu": Start("mgu", "MGU"),
    "gru": Start("gru", "GRU, bias 0"),
    "gru_1": Start("gru", "GRU, bias 1", {"forget_bias": 1.0}),
    "gru_chrono": Start("gru", "GRU, chrono", {"init": "chrono"}),
    "lstm_0": Start("lstm", "LSTM, bias 0", {"forget_bias": 0.0}),
    "lstm": Start("lstm", "LSTM, bias 1"),
    "lstm_chrono": Start("lstm", "LSTM, chrono", {"init": "chrono"}),
}
VERSUS = (
    ("gru", "lstm"),
    ("gru", "rnn"),
    ("lstm", "rnn"),
    ("lstm", "lstm_0"),
    ("lstm_chrono", "lstm"),
    ("gru_1", "gru"),
    ("gru_chrono", "gru"),
)


def variants(
    config: MemoryConfig, widths: Mapping[str, int], rates: Mapping[str, float], suffix: str = ""
) -> dict[str, MemoryConfig]:
    """Return the configuration of each start that has a learning rate.

    Args:
      config: all that they have in common; its length is the longest dependency that chrono expects.
      widths: of each cell.
      rates: learning rates by start.
      suffix: of the variants' names.
    """
    return {f"{name}{suffix}": _variant(config, widths, STARTS[name], rate) for name, rate in rates.items()}


def _variant(config: MemoryConfig, widths: Mapping[str, int], start: Start, rate: float) -> MemoryConfig:
    settings = dict(start.settings)
    if settings.get("init") == "chrono":
        settings["max_time"] = float(config.time)
    model = SequenceConfig(cell=start.cell, features=widths[start.cell], **settings)
    return replace(config, model=model, train=replace(config.train, learning_rate=rate))


def labels(starts: Iterable[str], suffix: str = "", time: int | None = None) -> dict[str, str]:
    """Return the labels of variants.

    Args:
      starts: their starts' names.
      suffix: of the variants' names, as that of `variants`.
      time: their length, which the labels name in brackets; none when None.

    Example:
      >>> labels(["lstm_chrono"]), labels(["gru_1"], "_1000", 1000)
      ({'lstm_chrono': 'LSTM, chrono'}, {'gru_1_1000': 'GRU, bias 1 (1,000)'})
    """
    length = "" if time is None else f" ({time:,})"
    return {f"{name}{suffix}": STARTS[name].label + length for name in starts}
