"""The common dress: sizes, colours, an empty figure, a band, and how a figure is written."""

from itertools import cycle, islice, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 120
WIDTH, HEIGHT = 10.8, 4.8  # inches, as are the margins
LEFT, RIGHT, TOP, BOTTOM = 0.8, 0.4, 0.85, 0.7
TITLE_SIZE, TEXT_SIZE = 14, 11  # points

INK, GREY, PALE = "#222222", "#6e6e6e", "#dddddd"
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
STRONG = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
TRIVIAL = ("#4d4d4d", "#7d7d7d", "#636363")
DASHES = ((0, (6, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (12, 2, 1.5, 2, 1.5, 2)))
MARKERS = "os^Dvh<>"


class Stroke(NamedTuple):
    """How one line is drawn; the marker only where single points count."""

    colour: str
    line: str | tuple
    marker: str


def strokes(count: int) -> list[Stroke]:
    """Return a stroke for each of so many trained models: solid in six colours, then dashed in the same.

    The first n are the same for every count, so that equal names in equal order look alike in all pictures.

    >>> strokes(3)[2].colour == GREEN
    True
    """
    looks = zip(cycle(product(("-", DASHES[0]), STRONG)), cycle(MARKERS), strict=False)
    return [Stroke(colour, line, marker) for (line, colour), marker in islice(looks, count)]


def empty_figure(title: str, labels: tuple[str, str], note: str = "", left: float = LEFT) -> tuple[Figure, Axes]:
    """Return a figure with the common dress; labels are those of x and y, the note stands below the title.

    The left margin is in inches.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(place(RIGHT, left), facecolor="white")
    axes.set_title(title, loc="left", fontsize=TITLE_SIZE, fontweight="bold", color=INK, pad=29)
    figure.text(left / WIDTH, 1 - (TOP - 0.1) / HEIGHT, note, fontsize=TEXT_SIZE, color=GREY)
    axes.set_xlabel(labels[0], fontsize=TEXT_SIZE, color=INK)
    axes.set_ylabel(labels[1], fontsize=TEXT_SIZE, color=INK)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=TEXT_SIZE, labelcolor=INK, color=GREY)
    axes.tick_params(axis="y", length=0)
    # The power of ten of large numbers stands left of the axes, as a legend may stand above them.
    axes.ticklabel_format(axis="y", useMathText=True)
    axes.yaxis.get_offset_text().set(ha="right", fontsize=TEXT_SIZE, color=INK)
    return figure, axes


def place(right: float, left: float = LEFT) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of the axes as fractions, with margins in inches."""
    width, height = WIDTH - left - right, HEIGHT - TOP - BOTTOM
    return left / WIDTH, BOTTOM / HEIGHT, width / WIDTH, height / HEIGHT


def band(axes: Axes, x: np.ndarray, lower: np.ndarray, upper: np.ndarray, colour: str) -> None:
    """Shade what lies between two lines."""
    axes.fill_between(x, lower, upper, color=colour, alpha=0.18, linewidth=0, zorder=2)


def level(axes: Axes, name: str, value: float) -> None:
    """Draw a value to compare with as a line over the whole width, with its name at the right end."""
    axes.axhline(value, color=GREY, linewidth=1.5, linestyle=DASHES[0], zorder=1)
    place = {"ha": "right", "va": "bottom", "transform": axes.get_yaxis_transform()}
    axes.text(1, value, name, fontsize=TEXT_SIZE, color=INK, **place)


def write(path: Path, figure: Figure) -> None:
    """Write a PNG file whose bytes depend on the figure only."""
    # The canvas' own writer: savefig would read the user's settings. Without metadata the version is not in the file.
    with path.open("wb") as file:
        figure.canvas.print_png(file, metadata={"Software": None})
