"""Pictures from plain NumPy arrays, written as PNG files.

Figures are built as objects, without pyplot, so that nothing is shared between two calls; with one version of
matplotlib, equal data give equal bytes. What was trained has a colour of Okabe & Ito (2008), which
colour-blind readers can tell apart; everything else is grey.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from scipy.optimize import isotonic_regression

DPI = 120
WIDTH, HEIGHT = 10.8, 4.8  # inches, as are the margins
LEFT, RIGHT, TOP, BOTTOM = 0.8, 0.4, 0.85, 0.7
TITLE_SIZE, TEXT_SIZE = 14, 11  # points

INK, GREY, PALE = "#222222", "#6e6e6e", "#dddddd"
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
STRONG = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
TRIVIAL = ("#4d4d4d", "#7d7d7d", "#636363")
DASHES = ((0, (6, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (12, 2, 1.5, 2, 1.5, 2)))
HALO = (withStroke(linewidth=3, foreground="white"),)


class Curve(NamedTuple):
    """One line of `error_by_horizon`; a plain tuple in the same order does as well.

    Attributes:
      values: ``[H]``; NaN where undefined.
      style: "measured" is drawn in colour, "trivial" in dashed grey.
      spread: ``[H]``, standard deviation over seeds, drawn as a band on both sides.
    """

    values: np.ndarray
    style: Literal["trivial", "measured"] = "measured"
    spread: np.ndarray | None = None


class _End(NamedTuple):
    """Where a line ends, in data coordinates, and the label that belongs there."""

    name: str
    x: float
    y: float
    colour: str


def forecast_fan(
    path: Path,
    *,
    title: str,
    value_label: str,
    history_dates: np.ndarray,
    history: np.ndarray,
    dates: np.ndarray,
    observed: np.ndarray,
    forecast: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    reference: np.ndarray | None = None,
    reference_label: str = "",
) -> None:
    """Write one forecast with its 80 % interval, beside what was observed before and after the cutoff.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      value_label: the quantity with its unit.
      history_dates: ``[P]``, ``datetime64[D]`` in ascending order; the last one is the cutoff.
      history: ``[P]``; NaN leaves a gap.
      dates: ``[H]``, ``datetime64[D]`` after the cutoff.
      observed: ``[H]``; NaN leaves a gap.
      forecast: ``[H]``.
      lower: ``[H]``, the 10 % quantile.
      upper: ``[H]``, the 90 % quantile.
      reference: ``[H]``, another forecast, drawn as a thin dashed line.
      reference_label: its name.

    Raises:
      ValueError: naming the argument whose length, order or label is wrong.
    """
    after = {"observed": observed, "forecast": forecast, "lower": lower, "upper": upper}
    if reference is not None:
        after["reference"] = reference
        if not reference_label:
            raise ValueError("reference_label: empty, but there is a reference")
    _require_length("history", history, "history_dates", history_dates)
    for name, values in after.items():
        _require_length(name, values, "dates", dates)
    if not dates[0] > history_dates[-1]:
        raise ValueError(f"dates: begin on {dates[0]}, expected after the cutoff {history_dates[-1]}")
    _write(path, _forecast_fan(title, value_label, (history_dates, history), dates, after, reference_label))


def error_by_horizon(
    path: Path,
    *,
    title: str,
    error_label: str,
    horizons: np.ndarray,
    curves: Mapping[str, Curve | tuple],
    points: Sequence[tuple[str, float, float]] = (),
    horizon_label: str = "horizon (days after the cutoff)",
) -> None:
    """Write how the error grows with the horizon, each line labelled at its right end.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      error_label: the error with its unit.
      horizons: ``[H]``, ascending, in the unit of ``horizon_label``.
      curves: name to `Curve` or ``(values [H], style)`` or ``(values [H], style, spread [H])``.
      points: ``(name, horizon, error)`` of single figures, published ones for example.
      horizon_label: the horizon with its unit.

    Raises:
      ValueError: naming the curve whose length or style is wrong, or which has no value.
    """
    curves = {name: Curve(*curve) for name, curve in curves.items()}
    _require_any(curves)
    for name, curve in curves.items():
        _require_length(f"curves[{name!r}].values", curve.values, "horizons", horizons)
        _require_a_value(f"curves[{name!r}].values", curve.values)
        if curve.spread is not None:
            _require_length(f"curves[{name!r}].spread", curve.spread, "horizons", horizons)
        if curve.style not in ("trivial", "measured"):
            raise ValueError(f"curves[{name!r}].style: {curve.style!r}, expected 'trivial' or 'measured'")
    _write(path, _error_by_horizon(title, (horizon_label, error_label), horizons, curves, points))


def learning_curves(
    path: Path,
    *,
    title: str,
    value_label: str,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    step_label: str = "training step",
) -> None:
    """Write the mean over runs at each step, in a band from the smallest to the largest run.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      value_label: the quantity with its unit.
      curves: name to ``(steps [N], values [runs, N])``; where one run is NaN, line and band have a gap.
      step_label: the unit of ``steps``.

    Raises:
      ValueError: naming the curve whose shape is wrong, or which has no value.
    """
    _require_any(curves)
    for name, (steps, values) in curves.items():
        if np.ndim(values) != 2 or np.shape(values)[1] != len(steps) or np.size(values) == 0:
            raise ValueError(f"curves[{name!r}]: values {np.shape(values)}, expected [runs, {len(steps)}] as its steps")
        _require_a_value(f"curves[{name!r}]", np.mean(values, axis=0))
    _write(path, _learning_curves(title, (step_label, value_label), curves))


def _forecast_fan(
    title: str,
    value_label: str,
    history: tuple[np.ndarray, np.ndarray],
    dates: np.ndarray,
    after: Mapping[str, np.ndarray],
    reference_label: str,
) -> Figure:
    figure, axes = _figure(title, ("date", value_label))
    handles = axes.plot(*history, color="#8a8a8a", linewidth=0.9, label="history")
    # A missing day breaks the line; the dots also show a day that stands between two missing ones.
    dots = {"marker": ".", "markersize": 4, "markeredgewidth": 0, "linewidth": 0.4}
    handles += axes.plot(dates, after["observed"], color=INK, **dots, zorder=4, label="observed")
    handles += axes.plot(dates, after["forecast"], color=BLUE, linewidth=1.6, zorder=3, label="forecast")
    band = {"color": BLUE, "alpha": 0.25, "linewidth": 0}
    handles.append(axes.fill_between(dates, after["lower"], after["upper"], **band, zorder=1.5, label="80 % interval"))
    if "reference" in after:
        dashed = {"color": VERMILION, "linewidth": 1.3, "linestyle": DASHES[0]}
        handles += axes.plot(dates, after["reference"], **dashed, zorder=3.5, label=reference_label)
    axes.set_xlim(history[0][0], dates[-1])
    _date_ticks(axes)
    _mark_cutoff(axes, history[0][-1])
    spacing = {"columnspacing": 1.6, "borderpad": 0.2, "borderaxespad": 0.2}
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": len(handles)}
    axes.legend(handles=handles, frameon=False, fontsize=TEXT_SIZE, **place, **spacing)
    return figure


def _date_ticks(axes: Axes) -> None:
    # Every month carries its year, as the first one would not have it otherwise.
    formats = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%S.%f"]
    firsts = ["", "%b %Y", "%b %Y", "%d %b", "%H:%M", "%H:%M"]
    locator = AutoDateLocator(minticks=5, maxticks=10)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(locator, formats=formats, zero_formats=firsts, show_offset=False)
    )


def _mark_cutoff(axes: Axes, cutoff: np.datetime64) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.1 * (high - low))  # room for the label above all values
    axes.axvline(cutoff, color=INK, linewidth=1)
    start, end = axes.get_xlim()
    early = axes.convert_xunits(cutoff) < start + 0.2 * (end - start)  # no room for it on the left
    axes.annotate(
        f"cutoff {cutoff}",
        (cutoff, 1),
        xycoords=("data", "axes fraction"),
        xytext=(6 if early else -6, -3),
        textcoords="offset points",
        ha="left" if early else "right",
        va="top",
        color=INK,
        fontsize=TEXT_SIZE,
    )


def _error_by_horizon(
    title: str,
    labels: tuple[str, str],
    horizons: np.ndarray,
    curves: Mapping[str, Curve],
    points: Sequence[tuple[str, float, float]],
) -> Figure:
    banded = any(curve.spread is not None for curve in curves.values())
    figure, axes = _figure(title, labels, "band: ± 1 standard deviation over seeds" if banded else "")
    strong, grey, dashes, ends = cycle(STRONG), cycle(TRIVIAL), cycle(DASHES), []
    for name, curve in curves.items():
        if curve.style == "measured":
            colour = next(strong)
            axes.plot(horizons, curve.values, color=colour, linewidth=2, zorder=3, label=name)
        else:
            colour = next(grey)
            axes.plot(horizons, curve.values, color=colour, linewidth=1.3, linestyle=next(dashes), label=name)
        if curve.spread is not None:
            _band(axes, horizons, curve.values - curve.spread, curve.values + curve.spread, colour)
        ends.append(_end(name, horizons, curve.values, colour))
    axes.set_xlim(horizons[0], horizons[-1])
    for _, horizon, value in points:
        axes.plot([horizon], [value], "D", color=INK, markersize=7, markeredgecolor="white", zorder=5, clip_on=False)
    _label_ends(axes, ends)
    for point in points:
        _label_point(axes, *point)
    return figure


def _learning_curves(
    title: str, labels: tuple[str, str], curves: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> Figure:
    runs = sorted({len(values) for _, values in curves.values()})
    count = f"{runs[0]} to {runs[-1]}" if len(runs) > 1 else f"{runs[0]}"
    note = "" if runs == [1] else f"line: mean of {count} runs; band: from the smallest to the largest"
    figure, axes = _figure(title, labels, note)
    ends = []
    for colour, (name, (steps, values)) in zip(cycle(STRONG), curves.items(), strict=False):
        mean = np.mean(values, axis=0)
        _band(axes, steps, np.min(values, axis=0), np.max(values, axis=0), colour)
        axes.plot(steps, mean, color=colour, linewidth=2, zorder=3, label=name)
        ends.append(_end(name, steps, mean, colour))
    axes.set_xlim(min(steps[0] for steps, _ in curves.values()), max(steps[-1] for steps, _ in curves.values()))
    _label_ends(axes, ends)
    return figure


def _figure(title: str, labels: tuple[str, str], note: str = "") -> tuple[Figure, Axes]:
    """An empty figure with the common dress; labels are those of x and y, the note stands below the title."""
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(_place(RIGHT), facecolor="white")
    axes.set_title(title, loc="left", fontsize=TITLE_SIZE, fontweight="bold", color=INK, pad=29)
    figure.text(LEFT / WIDTH, 1 - (TOP - 0.1) / HEIGHT, note, fontsize=TEXT_SIZE, color=GREY)
    axes.set_xlabel(labels[0], fontsize=TEXT_SIZE, color=INK)
    axes.set_ylabel(labels[1], fontsize=TEXT_SIZE, color=INK)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=TEXT_SIZE, labelcolor=INK, color=GREY)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _place(right: float) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of the axes as fractions, with a right margin in inches."""
    width, height = WIDTH - LEFT - right, HEIGHT - TOP - BOTTOM
    return LEFT / WIDTH, BOTTOM / HEIGHT, width / WIDTH, height / HEIGHT


def _band(axes: Axes, x: np.ndarray, lower: np.ndarray, upper: np.ndarray, colour: str) -> None:
    axes.fill_between(x, lower, upper, color=colour, alpha=0.18, linewidth=0, zorder=2)


def _end(name: str, x: np.ndarray, y: np.ndarray, colour: str) -> _End:
    last = np.flatnonzero(~np.isnan(y))[-1]
    return _End(name, float(x[last]), float(y[last]), colour)


def _label_ends(axes: Axes, ends: Sequence[_End]) -> None:
    """Write the names in the right margin, each joined to the end of its line, none upon another."""
    gap = 1.35 * TEXT_SIZE / 72 * DPI
    axes.set_ylim(*axes.get_ylim())  # limits are final from here on, as the labels' places follow from them
    heights = axes.transData.transform([(end.x, end.y) for end in ends])[:, 1]
    places = axes.transAxes.inverted().transform([(0, y) for y in _spread_apart(heights, gap, axes.bbox.intervaly)])
    joint = {"arrowstyle": "-", "linewidth": 0.8, "relpos": (0, 0.5), "shrinkB": 0}
    for end, (_, place) in zip(ends, places, strict=True):
        # Dotted where the line stops early, lest the joint be taken for its continuation.
        style = {"color": end.colour, "linestyle": ":" if end.x < axes.get_xlim()[1] else "-"}
        axes.annotate(
            end.name,
            (end.x, end.y),
            xytext=(1.025, place),
            textcoords="axes fraction",
            va="center",
            color=end.colour,
            fontsize=TEXT_SIZE,
            arrowprops={**joint, **style},
        )
    widest = max(_box(text).width for text in axes.texts) / DPI
    axes.set_position(_place(RIGHT + widest))


def _spread_apart(positions: np.ndarray, gap: float, bounds: tuple[float, float]) -> np.ndarray:
    """Return the nearest positions, by least squares, that keep their order, a gap, and the bounds.

    With i·gap taken from the i-th smallest position this is isotonic regression.
    """
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(len(positions))
    level = isotonic_regression(positions[order] - steps).x
    result = np.empty(len(positions))
    result[order] = np.clip(level, bounds[0], max(bounds[0], bounds[1] - steps[-1])) + steps
    return result


def _label_point(axes: Axes, name: str, x: float, y: float) -> None:
    """Write a marker's name below it, towards the middle, readable on top of lines."""
    side = 1 if x < np.mean(axes.get_xlim()) else -1
    place = {
        "xytext": (6 * side, -8),
        "textcoords": "offset points",
        "ha": "left" if side > 0 else "right",
        "va": "top",
    }
    axes.annotate(name, (x, y), **place, color=INK, fontsize=TEXT_SIZE, zorder=5, path_effects=HALO)


def _box(text: Annotation) -> Bbox:
    """The rectangle of the text alone in pixels, without the line to its point."""
    renderer = text.figure.canvas.get_renderer()
    text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


def _require_length(name: str, values: np.ndarray, other: str, expected: np.ndarray) -> None:
    if len(expected) == 0:
        raise ValueError(f"{other}: empty, expected at least one")
    if np.shape(values) != np.shape(expected):
        raise ValueError(f"{name}: shape {np.shape(values)}, expected {np.shape(expected)} as {other}")


def _require_any(curves: Mapping[str, object]) -> None:
    if not curves:
        raise ValueError("curves: empty, expected at least one")


def _require_a_value(name: str, values: np.ndarray) -> None:
    if np.all(np.isnan(values)):
        raise ValueError(f"{name}: nothing but NaN, expected at least one value")


def _write(path: Path, figure: Figure) -> None:
    # The canvas' own writer: savefig would read the user's settings. Without metadata the version is not in the file.
    with path.open("wb") as file:
        figure.canvas.print_png(file, metadata={"Software": None})
