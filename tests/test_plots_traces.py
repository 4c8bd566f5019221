"""The lines of single units along a sequence: their values, where names change, and refusals."""

import numpy as np
import pytest
from pictures import drawn, texts

from lstm_gru.plots import traces

STEPS = ["^", *"a" * 30, *"b" * 30]
STATES = {"LSTM, cell": np.outer(np.arange(61), [1, -2]), "GRU, h": np.outer(np.cos(np.arange(61)), [1, 0.5, 0.1])}


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    """The example, drawn once."""
    return drawn(traces, tmp_path_factory.mktemp("figure") / "a.png", title="Along aⁿbⁿ", steps=STEPS, states=STATES)


def test_each_state_has_a_panel_with_a_line_for_each_unit(figure):
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(STATES)
    for axes, values in zip(figure.axes, STATES.values(), strict=True):
        units, marks = axes.lines[: values.shape[1]], axes.lines[values.shape[1] :]
        for line, unit in zip(units, values.T, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), unit)
        assert [line.get_xdata()[0] for line in marks] == [0, 1, 31]


def test_names_stand_where_they_change_unless_they_change_again_at_once(figure):
    assert [label.get_text() for label in figure.axes[-1].get_xticklabels()] == ["a, step 2", "b, step 32"]
    assert not figure.axes[0].get_xticks().size
    assert "Along aⁿbⁿ" in texts(figure)


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ({}, "states"),
        ({"h": np.zeros((3, 2))}, r"states\['h'\]: shape \(3, 2\), expected \[61, H\], none of them 0"),
        ({"h": np.zeros((61, 0))}, r"states\['h'\]: shape \(61, 0\), expected"),
        ({"h": np.full((61, 1), np.nan)}, r"states\['h'\]: some values are NaN"),
    ],
)
def test_what_cannot_be_drawn_is_named(tmp_path, states, words):
    with pytest.raises(ValueError, match=words):
        traces(tmp_path / "a.png", title="", steps=STEPS, states=states)
    assert not (tmp_path / "a.png").exists()
