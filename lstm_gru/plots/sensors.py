"""A road network at one glance: what was observed at each sensor and time, what was forecast, and how far off it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from lstm_gru.plots.checks import require_a_value
from lstm_gru.plots.labels import drawable, overhang
from lstm_gru.plots.style import BOTTOM, DPI, GREY, INK, TEXT_SIZE, TITLE_SIZE, WIDTH, write
from lstm_gru.plots.times import axis_label, date_ticks, require_times

PANEL, SMALLEST_PANEL, LARGEST_ROW = 480, 150, 20  # pixels; a row has a whole number of them
MARGIN, GAP, BAR_GAP, BAR_WIDTH = 0.2, 0.36, 0.2, 0.16  # inches; GAP is above each panel
HEADING, NOTE = 0.75, 0.55  # inches from the top, to the first gap and to the note below the title
LONGEST_NAME = 20  # characters
NAME_HEIGHT = 20  # pixels, with the space to the next
LACKING = "#a8a8a8"  # No colour of either map is near it: it is the only one without a hue.
VALUES, ERRORS = (colormaps[name].with_extremes(bad=LACKING) for name in ("viridis", "magma_r"))


def sensor_heatmap(
    path: Path,
    *,
    title: str,
    value_label: str,
    times: np.ndarray,
    observed: np.ndarray,
    forecast: np.ndarray,
    sensors: Sequence[str],
) -> None:
    """Write three maps of sensors by time, one above the other: observed, forecast, and the absolute error.

    Observed and forecast have one scale of colours. The rows are the sensors from the top, in the order given; where
    they are many, some are named. Grey is where a value is missing. The picture grows with the number of sensors, of
    which each has a row of pixels at least; so has each time up to about a thousand.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      value_label: the quantity with its unit.
      times: ``[T]``, ``datetime64`` of any unit in equal steps, at least two. A column begins at its time.
      observed: ``[T, N]``; NaN where missing.
      forecast: ``[T, N]``; NaN where there is none.
      sensors: N names.

    Raises:
      ValueError: naming the argument whose shape or order is wrong, or which has no value.
    """
    require_times("times", times)
    steps = np.diff(times)
    if len(steps) == 0 or not np.all(steps == steps[0]):
        raise ValueError(f"times: {_steps(steps)}, expected equal ones; leave NaN where there is a gap")
    if len(sensors) == 0:
        raise ValueError("sensors: empty, expected at least one name")
    for name, values in (("observed", observed), ("forecast", forecast)):
        if np.shape(values) != (len(times), len(sensors)):
            expected = f"{(len(times), len(sensors))} as times and sensors"
            raise ValueError(f"{name}: shape {np.shape(values)}, expected {expected}")
        require_a_value(name, values)
    edges = np.append(times, times[-1] + steps[-1])
    write(path, _sensor_heatmap(title, value_label, edges, np.asarray(observed), np.asarray(forecast), sensors))


def _steps(steps: np.ndarray) -> str:
    return f"steps of {steps.min()} to {steps.max()}" if len(steps) else "one and so no step"


def _sensor_heatmap(
    title: str, value_label: str, edges: np.ndarray, observed: np.ndarray, forecast: np.ndarray, sensors: Sequence[str]
) -> Figure:
    row = max(min(PANEL // len(sensors), LARGEST_ROW), -(-SMALLEST_PANEL // len(sensors)))
    figure = Figure(figsize=(1, 1), dpi=DPI, facecolor="white")  # its size follows from what is written
    FigureCanvasAgg(figure)
    error = np.abs(forecast - observed)
    values = np.concatenate([observed, forecast])
    scale, error_scale = _scale(np.nanmin(values), np.nanmax(values)), _scale(0, np.nanmax(error, initial=0))
    maps = [
        _panel(figure, "observed", edges, observed, VALUES, scale),
        _panel(figure, "forecast", edges, forecast, VALUES, scale),
        _panel(figure, "absolute error", edges, error, ERRORS, error_scale),
    ]
    panels = [each.axes for each in maps]
    for axes in panels:
        _name_rows(axes, sensors, -(-NAME_HEIGHT // row))
        axes.tick_params(labelbottom=axes is panels[-1])
    panels[-1].set_xlabel(axis_label(edges[:-1]), fontsize=TEXT_SIZE, color=INK)
    bars = [_bar(figure, maps[0], value_label), _bar(figure, maps[-1], f"error: {value_label}")]
    _write_heading(figure, title, np.isnan(error).any())
    _arrange(figure, panels, bars, row * len(sensors) / DPI)
    return figure


def _scale(low: float, high: float) -> Normalize:
    """A range that is never empty, as that of a constant would be."""
    return Normalize(low, high if high > low else low + 1)


def _panel(
    figure: Figure, name: str, edges: np.ndarray, values: np.ndarray, colours: Colormap, scale: Normalize
) -> QuadMesh:
    axes = figure.add_axes((0, 0, 1, 1))
    mesh = axes.pcolormesh(edges, np.arange(values.shape[1] + 1), values.T, cmap=colours, norm=scale)
    mesh.set_in_layout(False)  # It ends where the axes do; its extent would be sought cell by cell.
    axes.invert_yaxis()
    axes.set_title(name, loc="left", fontsize=TEXT_SIZE, color=INK, pad=5)
    axes.set_ylabel("sensor", fontsize=TEXT_SIZE, color=INK)
    axes.spines[:].set_visible(False)
    axes.tick_params(labelsize=TEXT_SIZE, labelcolor=INK, color=GREY)
    date_ticks(axes)
    return mesh


def _name_rows(axes: Axes, sensors: Sequence[str], every: int) -> None:
    rows = np.arange(0, len(sensors), every)
    names = (str(sensors[row]) for row in rows)
    short = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in names]
    axes.set_yticks(rows + 0.5, [drawable(name) for name in short], parse_math=False)


def _bar(figure: Figure, mesh: QuadMesh, label: str) -> Axes:
    bar = figure.add_axes((0, 0, 1, 1))
    figure.colorbar(mesh, cax=bar)
    bar.ticklabel_format(axis="y", style="plain", useOffset=False)
    bar.set_ylabel(label, fontsize=TEXT_SIZE, color=INK)
    bar.tick_params(labelsize=TEXT_SIZE, labelcolor=INK, color=GREY)
    bar.spines[:].set_visible(False)
    return bar


def _write_heading(figure: Figure, title: str, lacking: bool) -> None:
    common = {"va": "top", "parse_math": False}
    figure.text(0, 0, drawable(title), fontsize=TITLE_SIZE, fontweight="bold", color=INK, **common)
    if lacking:
        figure.text(0, 0, "grey: missing", fontsize=TEXT_SIZE, color=GREY, **common)


def _arrange(figure: Figure, panels: Sequence[Axes], bars: Sequence[Axes], panel: float) -> None:
    """Stack panels of a height in inches, one bar beside the first two and one beside the last."""
    height = HEADING + 3 * (GAP + panel) + BOTTOM
    figure.set_size_inches(WIDTH, height)
    tops = [height - HEADING - GAP - i * (panel + GAP) for i in range(3)]

    def put(axes: Axes, left: float, top: float, width: float, tall: float) -> None:
        axes.set_position((left / WIDTH, (top - tall) / height, width / WIDTH, tall / height))

    beside = list(zip(bars, (tops[0], tops[2]), (2 * panel + GAP, panel), strict=True))
    for bar, top, tall in beside:
        put(bar, 0, top, BAR_WIDTH, tall)  # Its numbers follow from its height, and its place from their width.
    left = MARGIN + max(overhang(axes).left for axes in panels)
    right = WIDTH - MARGIN - max(overhang(bar).right for bar in bars) - BAR_WIDTH
    for bar, top, tall in beside:
        put(bar, right, top, BAR_WIDTH, tall)
    for axes, top in zip(panels, tops, strict=True):
        put(axes, left, top, right - BAR_GAP - left, panel)
    for text, below in zip(figure.texts, (MARGIN, NOTE), strict=False):
        text.set_position((left / WIDTH, 1 - below / height))
