"""Models side by side: means and bands over runs, the axes, and that eight models can be told apart."""

import numpy as np
import pytest
from pictures import STEPS, corners, drawn, gaps, learning, lengths, texts, ticks, vertices, wave

from lstm_gru.plots import learning_curves, score_by_length
from lstm_gru.plots.labels import text_box
from lstm_gru.plots.style import DPI, WIDTH, strokes

NAMES = [f"model {n}" for n in range(8)]


def look(line):
    return line.get_color(), str(line._unscaled_dash_pattern)


def test_lines_are_means_and_bands_reach_from_the_smallest_to_the_largest_run(tmp_path):
    figure = drawn(learning_curves, tmp_path / "a.png", **learning())
    (line,) = figure.axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), wave(5, 3.0))
    assert vertices(figure) >= corners(STEPS, wave(5, 1.0), wave(5, 6.0))
    figure = drawn(score_by_length, tmp_path / "b.png", **lengths())
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), wave(4, 22.0))
    assert vertices(figure) >= corners(range(4), wave(4, 20.0), wave(4, 25.0))


def test_nothing_is_said_of_bands_where_each_model_has_one_run(tmp_path):
    single = learning(curves={"gru": (STEPS, wave(5)[None])})
    assert not any("band" in text for text in texts(drawn(learning_curves, tmp_path / "a.png", **single)))


def test_gaps_are_drawn(tmp_path):
    runs = np.stack([gaps(wave(9)), wave(9)])
    (line,) = drawn(learning_curves, tmp_path / "a.png", **learning(curves={"gru": (np.arange(9), runs)})).axes[0].lines
    assert np.flatnonzero(np.isnan(line.get_ydata())).tolist() == [0, 7, 8]
    values = np.array([[30, np.nan, 20, np.nan]])
    (line,) = drawn(score_by_length, tmp_path / "b.png", **lengths(curves={"gru": values})).axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), values[0])
    assert line.get_marker() == "o"  # else 30, which stands alone, would not be seen


def test_models_may_have_steps_of_their_own(tmp_path):
    minutes = np.array([[1.0, 2.0, 4.0], [2.0, 4.0, 6.0]])
    curves = {"gru": (minutes, np.ones((2, 3))), "lstm": (np.array([0.5, 9.0]), np.ones((1, 2)))}
    (axes,) = drawn(learning_curves, tmp_path / "a.png", **learning(curves=curves, step_label="minutes")).axes
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1.5, 3, 5], [0.5, 9]]
    assert axes.get_xlim() == (0.5, 9)
    assert axes.get_xlabel() == "minutes"


def test_a_reference_is_a_line_with_its_name_and_the_axis_may_be_logarithmic(tmp_path):
    curves = {"gru": (np.arange(3), np.array([[0.1, 0.01, 0.001]]))}
    arguments = learning(curves=curves, reference=("chance", 0.2), logarithm=True)
    (axes,) = drawn(learning_curves, tmp_path / "a.png", **arguments).axes
    assert axes.get_yscale() == "log"
    narrow = learning(curves={"gru": (np.arange(3), np.array([[0.07, 0.03, 0.018]]))}, logarithm=True)
    figure = drawn(learning_curves, tmp_path / "a.png", **narrow)  # Its ticks are 2 × 10⁻² and so on.
    assert figure.axes[0].yaxis.label.get_window_extent(figure.canvas.get_renderer()).x0 > 0
    assert any(set(line.get_ydata()) == {0.2} for line in axes.lines)
    assert "chance" in [text.get_text() for text in axes.texts]
    with pytest.raises(ValueError, match=r"curves\['gru'\]: 0.0, expected values above 0 on a logarithmic axis"):
        learning_curves(tmp_path / "a.png", **learning(curves={"gru": ([1], np.zeros((1, 1)))}, logarithm=True))


def test_whole_steps_have_whole_ticks(tmp_path):
    curves = {"gru": (np.arange(1, 5), np.ones((2, 4)))}
    (axes,) = drawn(learning_curves, tmp_path / "a.png", **learning(curves=curves, step_label="layers")).axes
    assert [tick for tick in axes.get_xticks() if 1 <= tick <= 4] == [1, 2, 3, 4]


def test_a_single_evaluation_is_drawn(tmp_path):
    learning_curves(tmp_path / "a.png", **learning(curves={"gru": ([10], np.ones((2, 1)))}))
    score_by_length(tmp_path / "b.png", **lengths(edges=[1, 9], counts=[3], curves={"gru": np.ones((1, 1))}))


def test_bins_carry_their_lengths_and_their_number_of_sentences(tmp_path):
    (axes,) = drawn(score_by_length, tmp_path / "a.png", **lengths()).axes
    assert ticks(axes.xaxis) == ["1-9\n(7)", "10-14\n(12)", "15\n(3)", "16-29\n(0)"]


@pytest.mark.parametrize("count", [7, 8])
def test_eight_models_can_be_told_apart_and_look_alike_in_both_pictures(count, tmp_path):
    learnt = {name: (STEPS, wave(5, 30 + n / 100)[None]) for n, name in enumerate(NAMES[:count])}
    scored = {name: wave(4, 30 + n / 100)[None] for n, name in enumerate(NAMES[:count])}
    figures = [
        drawn(learning_curves, tmp_path / "a.png", **learning(curves=learnt)),
        drawn(score_by_length, tmp_path / "b.png", **lengths(curves=scored)),
    ]
    looks = [[look(line) for line in figure.axes[0].lines] for figure in figures]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == count
    assert len({line.get_marker() for line in figures[1].axes[0].lines}) == count
    for figure, expected in zip(figures, looks, strict=True):
        assert [look(line) for line in figure.artists] == expected  # the samples before the names


def test_samples_stand_before_their_names(tmp_path):
    scored = {name: wave(4, 30 + n / 100)[None] for n, name in enumerate(NAMES)}
    figure = drawn(score_by_length, tmp_path / "a.png", **lengths(curves=scored))
    renderer = figure.canvas.get_renderer()
    boxes = [text_box(text) for text in figure.axes[0].texts]
    assert not any(box.count_overlaps(boxes) > 1 for box in boxes)
    assert all(box.x1 < WIDTH * DPI for box in boxes)
    for sample, text, box in zip(figure.artists, figure.axes[0].texts, boxes, strict=True):
        blank = (
            box.width - renderer.get_text_width_height_descent(text.get_text().strip(), text._fontproperties, False)[0]
        )
        (left, height), (right, _) = sample.get_transform().transform(sample.get_xydata()[[0, -1]])
        assert box.x0 - 1 <= left < right < box.x0 + blank
        assert box.y0 < height < box.y1
        assert sample.get_markevery() == [1]


def test_the_first_strokes_are_the_same_for_every_count():
    assert strokes(12)[:3] == strokes(3)
    assert len({stroke[:2] for stroke in strokes(12)}) == 12
