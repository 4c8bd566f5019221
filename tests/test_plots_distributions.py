"""A point for each run and a box for each model."""

import numpy as np
import pytest
from pictures import drawn, runs, ticks

from lstm_gru.plots import distributions


def test_every_run_is_a_point_and_the_box_has_the_quartiles(tmp_path):
    (axes,) = drawn(distributions, tmp_path / "a.png", **runs()).axes
    medians, points = axes.lines[0::2], axes.lines[1::2]
    assert [line.get_xdata().tolist() for line in points] == [[1, 2, 3, 4, 5], [7, 7]]
    assert all(len(set(line.get_ydata())) == len(line.get_ydata()) for line in points)  # Equal values can be counted.
    assert [list(line.get_xdata()) for line in medians] == [[3, 3], [7, 7]]
    box, flat = axes.patches
    assert (box.get_x(), box.get_x() + box.get_width()) == (2, 4)
    assert (flat.get_x(), flat.get_width()) == (7, 0)
    assert ticks(axes.yaxis) == ["LSTM", "GRU"]
    assert axes.yaxis_inverted()  # The first one on top.


def test_a_reference_is_a_line_with_its_name_and_the_axis_may_be_logarithmic(tmp_path):
    figure = drawn(distributions, tmp_path / "a.png", **runs(reference=("published", 256.0), logarithm=True))
    (axes,) = figure.axes
    assert list(axes.lines[-1].get_xdata()) == [256, 256]
    assert figure.texts[0].get_text().endswith("dashed: published")
    assert axes.get_xscale() == "log"


def test_long_names_have_room(tmp_path):
    name = "LSTM with peepholes and without forget gate"
    figure = drawn(distributions, tmp_path / "a.png", **runs(values={name: [1.0], "GRU": [2.0]}))
    (axes,), renderer = figure.axes, figure.canvas.get_renderer()
    assert all(label.get_window_extent(renderer).x0 > 0 for label in axes.get_yticklabels())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"values": {}}, "^values: empty"),
        ({"values": {"a": [np.nan]}}, r"values\['a'\]: nothing but NaN"),
        ({"values": {"a": [0.0, 1.0]}, "logarithm": True}, r"values\['a'\]: 0.0, expected values above 0"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        distributions(tmp_path / "a.png", **runs(**changes))
    assert not (tmp_path / "a.png").exists()
