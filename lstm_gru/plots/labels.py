"""Names and where they stand: those of lines in the right margin, of points beside them, none upon another."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from scipy.optimize import isotonic_regression

from lstm_gru.plots.style import DPI, INK, RIGHT, TEXT_SIZE, WIDTH, place

HALO = (withStroke(linewidth=3, foreground="white"),)
JOINT = 1.025  # where the names begin, as a fraction of the axes' width
MISSING = "\N{WHITE SQUARE}"
SAMPLE, BLANK = 26, " " * 9  # points, and spaces of that width and a little more


class End(NamedTuple):
    """Where a line ends, in data coordinates, and the label that belongs there."""

    name: str
    x: float
    y: float
    colour: str


class Sides(NamedTuple):
    """Distances in inches."""

    left: float
    right: float
    bottom: float
    top: float


def end_of(line: Line2D) -> End:
    """Return the last point of a line that is not NaN, under the line's label."""
    x, y = line.get_data()
    last = np.flatnonzero(~np.isnan(y))[-1]
    return End(line.get_label(), float(x[last]), float(y[last]), line.get_color())


def label_ends(axes: Axes, lines: Sequence[Line2D], *, samples: bool = False) -> None:
    """Write the names in the right margin, each joined to the end of its line, none upon another.

    Args:
      axes: with its final limits in x; those in y are final from here on, as the labels' places follow from them.
      lines: at least one, each with a label and a value.
      samples: whether a piece of its line stands before each name, for where the colours alone do not tell.
    """
    ends = [end_of(line) for line in lines]
    gap = 1.35 * TEXT_SIZE / 72 * DPI
    axes.set_ylim(*axes.get_ylim())
    heights = axes.transData.transform([(end.x, end.y) for end in ends])[:, 1]
    places = axes.transAxes.inverted().transform([(0, y) for y in spread_apart(heights, gap, axes.bbox.intervaly)])
    joint = {"arrowstyle": "-", "linewidth": 0.8, "relpos": (0, 0.5), "shrinkB": 0}
    for end, (_, height) in zip(ends, places, strict=True):
        # Dotted where the line stops early, lest the joint be taken for its continuation.
        style = {"color": end.colour, "linestyle": ":" if end.x < axes.get_xlim()[1] else "-"}
        axes.annotate(
            BLANK + end.name if samples else end.name,
            (end.x, end.y),
            xytext=(JOINT, height),
            textcoords="axes fraction",
            va="center",
            color=end.colour,
            fontsize=TEXT_SIZE,
            arrowprops={**joint, **style},
        )
    widest = max(text_box(text).width for text in axes.texts) / DPI
    axes.set_position(place(RIGHT + widest, axes.get_position().x0 * WIDTH))
    if samples:
        for line, (_, height) in zip(lines, places, strict=True):
            _draw_sample(axes, line, height)


def _draw_sample(axes: Axes, line: Line2D, height: float) -> None:
    """Draw a piece of the line, with one marker, upon the blank before its name."""
    right = JOINT + SAMPLE / 72 * DPI / axes.bbox.width
    sample = Line2D([JOINT, (JOINT + right) / 2, right], [height] * 3, markevery=[1])
    sample.update_from(line)  # its looks, but also where it is drawn
    sample.set(transform=axes.transAxes, clip_on=False)
    axes.figure.add_artist(sample)


def spread_apart(positions: np.ndarray, gap: float, bounds: tuple[float, float]) -> np.ndarray:
    """Return the nearest positions, by least squares, that keep their order, a gap, and the bounds.

    With i·gap taken from the i-th smallest position this is isotonic regression.
    """
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(len(positions))
    level = isotonic_regression(positions[order] - steps).x
    result = np.empty(len(positions))
    result[order] = np.clip(level, bounds[0], max(bounds[0], bounds[1] - steps[-1])) + steps
    return result


def label_points(axes: Axes, points: Sequence[tuple[str, float, float]]) -> None:
    """Write the names of markers below them, towards the middle, readable on top of lines, none upon another.

    Args:
      axes: with its final limits and size.
      points: ``(name, x, y)``.
    """
    taken = []
    for name, x, y in sorted(points, key=lambda point: -point[2]):
        side = 1 if x < np.mean(axes.get_xlim()) else -1
        look = {"ha": "left" if side > 0 else "right", "va": "top", "zorder": 5, "path_effects": HALO}
        place = {"xytext": (6 * side, -8), "textcoords": "offset points"}
        text = axes.annotate(name, (x, y), **place, **look, color=INK, fontsize=TEXT_SIZE)
        while text_box(text).count_overlaps(taken):
            text.set_position((6 * side, text.get_position()[1] - 1))
        taken.append(text_box(text))


def text_box(text: Text) -> Bbox:
    """Return the rectangle of the text alone in pixels, without an annotation's line to its point."""
    renderer = text.figure.canvas.get_renderer()
    if isinstance(text, Annotation):
        text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


def overhang(axes: Axes) -> Sides:
    """Return how far what is written around axes reaches beyond them, in inches."""
    inner, outer = axes.bbox, axes.get_tightbbox(axes.figure.canvas.get_renderer())
    sides = inner.x0 - outer.x0, outer.x1 - inner.x1, inner.y0 - outer.y0, outer.y1 - inner.y1
    return Sides(*(side / DPI for side in sides))


def drawable(text: str) -> str:
    """Return the text with a square for each character that the font lacks.

    >>> drawable("a東")
    'a□'
    """
    return "".join(character if ord(character) in _characters() else MISSING for character in text)


@cache
def _characters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties())).get_charmap())
