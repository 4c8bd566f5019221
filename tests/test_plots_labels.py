"""Names in the margin and beside points: where they stand, and that none covers another."""

import numpy as np
import pytest
from pictures import drawn, errors, gaps, wave

from lstm_gru.plots import error_by_horizon
from lstm_gru.plots.labels import spread_apart, text_box
from lstm_gru.plots.style import DPI, WIDTH


def test_a_curve_is_labelled_where_its_values_end(tmp_path):
    curves = {"lstm": (gaps(wave(30)), "measured", gaps(np.ones(30)))}
    (label, _) = drawn(error_by_horizon, tmp_path / "a.png", **errors(curves=curves)).axes[0].texts
    assert label.xy == (29, wave(30)[28])


def test_labels_of_equal_ends_do_not_overlap(tmp_path):
    curves = {f"cell {n}": (wave(30, 8 + n / 100), "measured") for n in range(6)}
    figure = drawn(error_by_horizon, tmp_path / "a.png", **errors(curves=curves))
    boxes = [text_box(text) for text in figure.axes[0].texts]
    assert not any(box.count_overlaps(boxes) > 1 for box in boxes)  # each one overlaps itself
    assert all(box.x0 > 0 and box.x1 < WIDTH * DPI for box in boxes)


@pytest.mark.parametrize("point", [(1, 8.5), (30, 8.0), (1, 7.0), (30, 9.0)])
def test_a_point_at_the_edge_keeps_its_name_inside(point, tmp_path):
    axes = drawn(error_by_horizon, tmp_path / "a.png", **errors(points=[("a published figure", *point)])).axes[0]
    box = text_box(axes.texts[-1])
    assert axes.bbox.x0 < box.x0
    assert box.x1 < axes.bbox.x1


def test_names_of_neighbouring_points_do_not_overlap(tmp_path):
    points = [(f"published {n}", 10 + n % 2, 8 + n / 100) for n in range(5)]
    axes = drawn(error_by_horizon, tmp_path / "a.png", **errors(points=points)).axes[0]
    names = [text for text in axes.texts if text.get_text().startswith("published")]
    boxes = [text_box(text) for text in names]
    assert not any(box.count_overlaps(boxes) > 1 for box in boxes)
    assert {text.xy for text in names} == {(x, y) for _, x, y in points}


@pytest.mark.parametrize("seed", range(5))
def test_spread_apart_keeps_order_gap_and_bounds(seed):
    positions = np.random.default_rng(seed).uniform(0, 100, 6)
    result = spread_apart(positions, 10, (5, 95))
    assert np.argsort(result).tolist() == np.argsort(positions).tolist()
    assert np.diff(np.sort(result)).min() > 10 - 1e-9
    assert result.min() >= 5
    assert result.max() <= 95


def test_spread_apart_moves_no_more_than_needed():
    np.testing.assert_allclose(spread_apart(np.array([50.0, 20.0, 50.0]), 10, (0, 100)), [45, 20, 55])
    np.testing.assert_allclose(spread_apart(np.array([1.0, 1.0]), 10, (0, 100)), [0, 10])
