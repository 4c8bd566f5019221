"""Matrices with words at their sides: which source words a target word was written from, which tags were confused."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lstm_gru.plots.labels import drawable, overhang, text_box
from lstm_gru.plots.style import BLUE, DPI, GREY, INK, PALE, TEXT_SIZE, TITLE_SIZE, write

MATRIX = 6.5  # inches of the longer side, unless that makes cells too large or too small
SMALLEST_CELL, LARGEST_CELL = 0.17, 0.42
MARGIN, GAP, BAR_WIDTH, BAR_HEIGHT = 0.2, 0.25, 0.16, 1.7  # inches; the bar is at least that high
HEADING = 0.4  # from the top of the title to that of the words
WORD_HEIGHT = 1.3  # of a line, in sizes of its font
SLANT = 60  # degrees, of source words
WHITE_TO_BLUE = LinearSegmentedColormap.from_list("white to blue", ["white", BLUE, "#002f4d"])


def alignment(path: Path, *, title: str, weights: np.ndarray, src: Sequence[str], trg: Sequence[str]) -> None:
    """Write attention weights as a matrix: a row is one target step, a column one source word, white 0 and dark 1.

    The colours mean the same in every picture. The picture grows with the number of words, for which up to 60 on a
    side are readable. Words are written as they are, never as mathematics; a square stands for what the font lacks.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      weights: ``[T, S]``, from 0 to 1.
      src: S words or subwords.
      trg: T words or subwords.

    Raises:
      ValueError: naming the argument whose shape or range is wrong.
    """
    for name, words in (("src", src), ("trg", trg)):
        if len(words) == 0:
            raise ValueError(f"{name}: empty, expected at least one word")
    if np.shape(weights) != (len(trg), len(src)):
        raise ValueError(f"weights: shape {np.shape(weights)}, expected {(len(trg), len(src))} as trg and src")
    if not np.all((weights >= 0) & (weights <= 1 + 1e-3)):  # as sums in low precision may be
        raise ValueError("weights: some are NaN or not from 0 to 1")
    write(path, _matrix(title, "attention weight", weights, src, trg))


def confusion(path: Path, *, title: str, names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> None:
    """Write how classes were confused: a row is what was right, a column what was found, white 0 and dark all of a row.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      names: of the classes, in the order of rows and columns; a row of which nothing was right is white.
      pairs: right and found name of each case.

    Raises:
      ValueError: on names that are not unique or none, or a pair with another name.
    """
    if not names or len({*names}) < len(names):
        raise ValueError(f"names: {list(names)}, expected at least one, each once")
    place, counts = {name: k for k, name in enumerate(names)}, np.zeros((len(names), len(names)))
    for pair in pairs:
        if not {*pair} <= {*names}:
            raise ValueError(f"pairs: {pair}, expected two of {', '.join(names)}")
        counts[place[pair[0]], place[pair[1]]] += 1
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    write(path, _matrix(title, "share of a row (right) in a column (found)", shares, names, names))


def _matrix(title: str, label: str, weights: np.ndarray, src: Sequence[str], trg: Sequence[str]) -> Figure:
    cell = np.clip(MATRIX / max(len(src), len(trg)), SMALLEST_CELL, LARGEST_CELL)
    figure = Figure(figsize=(1, 1), dpi=DPI, facecolor="white")  # its size follows from what is written
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, len(src) * cell, len(trg) * cell))
    rules = {"edgecolors": PALE, "linewidth": 0.5, "clip_on": False}
    mesh = axes.pcolormesh(weights, cmap=WHITE_TO_BLUE, vmin=0, vmax=1, **rules)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    _write_words(axes, src, trg, min(TEXT_SIZE, cell * 72 / WORD_HEIGHT))
    bar = figure.add_axes((0, 0, BAR_WIDTH, max(len(trg) * cell, BAR_HEIGHT)))
    _fill_bar(bar, mesh, label)
    _arrange(figure, axes, bar, title)
    return figure


def _write_words(axes: Axes, src: Sequence[str], trg: Sequence[str], size: float) -> None:
    plain = {"parse_math": False, "fontsize": size, "color": INK}
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    slanted = {"rotation": SLANT, "rotation_mode": "anchor", "ha": "left", "va": "center"}
    axes.set_xticks(np.arange(len(src)) + 0.5, [drawable(word) for word in src], **plain, **slanted)
    axes.set_yticks(np.arange(len(trg)) + 0.5, [drawable(word) for word in trg], **plain)


def _fill_bar(bar: Axes, mesh: QuadMesh, label: str) -> None:
    bar.figure.colorbar(mesh, cax=bar)
    bar.set_ylabel(label, fontsize=TEXT_SIZE, color=INK)
    bar.tick_params(labelsize=TEXT_SIZE, labelcolor=INK, color=GREY)
    bar.spines[:].set_visible(False)


def _arrange(figure: Figure, axes: Axes, bar: Axes, title: str) -> None:
    """Give the figure the size of its parts: the title above all, the bar right of the matrix, their tops level."""
    heading = figure.text(0, 0, drawable(title), parse_math=False, fontsize=TITLE_SIZE, fontweight="bold", color=INK)
    words, numbers = overhang(axes), overhang(bar)
    matrix_width, matrix_height = axes.get_position().size
    bar_width, bar_height = bar.get_position().size
    beside = max(words.right, GAP + bar_width + numbers.right)
    width = max(words.left + matrix_width + beside, text_box(heading).width / DPI) + 2 * MARGIN
    height = numbers.bottom + max(matrix_height, bar_height) + words.top + HEADING + 2 * MARGIN
    left, top = MARGIN + words.left, height - MARGIN - HEADING - words.top
    figure.set_size_inches(width, height)
    scale = np.array([width, height, width, height])
    axes.set_position(np.array([left, top - matrix_height, matrix_width, matrix_height]) / scale)
    bar.set_position(np.array([left + matrix_width + GAP, top - bar_height, bar_width, bar_height]) / scale)
    heading.set(position=(MARGIN / width, 1 - MARGIN / height), va="top")
