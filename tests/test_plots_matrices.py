"""Matrices: their cells, their words as they are written, what confusion counts, and that nothing is cut off."""

import numpy as np
import pytest
from pictures import attention, confused, drawn, ticks

from lstm_gru.plots import alignment, confusion
from lstm_gru.plots.labels import text_box
from lstm_gru.plots.matrices import MARGIN
from lstm_gru.plots.style import DPI

ODD = ("東京", "$x^2$", "a_b$", "\\frac{", "<0xE2>", "", "a\nb", "\udce2", "\U0010fffd")
SIZES = [(1, 1), (5, 5), (16, 14), (3, 60), (60, 60)]


def square(trg, src):
    weights = np.random.default_rng(0).uniform(size=(trg, src))
    title = "A title longer than small matrices are wide"
    return attention(
        title=title, weights=weights, src=[f"Wort{n}" for n in range(src)], trg=[f"word{n}" for n in range(trg)]
    )


def test_rows_are_target_words_from_the_top_and_columns_source_words(tmp_path):
    arguments = attention()
    matrix, _ = drawn(alignment, tmp_path / "a.png", **arguments).axes
    np.testing.assert_array_equal(matrix.collections[0].get_array(), arguments["weights"])
    assert ticks(matrix.xaxis) == list(arguments["src"])
    assert ticks(matrix.yaxis) == list(arguments["trg"])
    assert matrix.get_ylim() == (3, 0)
    assert matrix.xaxis.get_ticks_position() == "top"


def test_colours_run_from_white_to_dark_blue_and_mean_the_same_in_every_picture(tmp_path):
    figure = drawn(alignment, tmp_path / "a.png", **attention(weights=np.full((3, 4), 0.25)))
    mesh = figure.axes[0].collections[0]
    assert mesh.get_clim() == (0, 1)
    assert mesh.to_rgba(0) == (1, 1, 1, 1)
    red, green, blue, _ = mesh.to_rgba(0.5)
    assert red < green < blue
    assert sum(mesh.to_rgba(1.0)) < sum(mesh.to_rgba(0.5))


@pytest.mark.parametrize(("trg", "src"), SIZES)
def test_cells_are_square_and_nothing_is_cut_off_or_covered(trg, src, tmp_path):
    figure = drawn(alignment, tmp_path / "a.png", **square(trg, src))
    matrix, bar = figure.axes
    assert matrix.bbox.width / src == pytest.approx(matrix.bbox.height / trg)
    assert matrix.bbox.height / trg > 20  # pixels
    renderer = figure.canvas.get_renderer()
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes] + [text_box(figure.texts[0])]
    margin = 0.98 * MARGIN * DPI
    for box in boxes:
        assert min(box.x0, box.y0) > margin
        assert box.x1 < figure.bbox.width - margin
        assert box.y1 < figure.bbox.height - margin
    assert boxes[2].y0 > max(boxes[0].y1, boxes[1].y1)  # the title is above all
    assert bar.bbox.x0 > matrix.bbox.x1
    words = [text_box(text) for text in matrix.yaxis.get_ticklabels()]
    assert not any(box.count_overlaps(words) > 1 for box in words)
    assert matrix.yaxis.get_ticklabels()[0].get_fontsize() > 9


def test_words_are_plain_text_and_lacking_characters_are_squares(tmp_path):
    arguments = attention(weights=np.eye(9), src=ODD, trg=ODD, title="$x$ 東京")
    figure = drawn(alignment, tmp_path / "a.png", **arguments)
    matrix = figure.axes[0]
    expected = ["□□", *ODD[1:6], "a□b", "□", "□"]
    assert ticks(matrix.xaxis) == ticks(matrix.yaxis) == expected
    assert figure.texts[0].get_text() == "$x$ □□"
    written = [*matrix.get_xticklabels(), *matrix.get_yticklabels(), figure.texts[0]]
    assert not any(text.get_parse_math() for text in written)


def test_a_row_of_confusion_is_the_share_of_what_was_right(tmp_path):
    matrix, _ = drawn(confusion, tmp_path / "a.png", **confused()).axes
    np.testing.assert_allclose(matrix.collections[0].get_array(), [[0.75, 0.25, 0], [1, 0, 0], [0, 0, 0]])
    assert ticks(matrix.xaxis) == ticks(matrix.yaxis) == ["NOUN", "VERB", "X"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(names=[]), "names: .., expected at least one, each once"),
        (dict(names=["NOUN", "NOUN"]), "expected at least one, each once"),
        (dict(pairs=[("NOUN", "ADJ")]), r"pairs: \('NOUN', 'ADJ'\), expected two of NOUN, VERB, X"),
    ],
)
def test_what_cannot_be_confused_is_refused(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        confusion(tmp_path / "a.png", **confused(**change))
