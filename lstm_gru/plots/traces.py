"""What single units do along one sequence."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lstm_gru.plots.checks import require_any
from lstm_gru.plots.labels import drawable
from lstm_gru.plots.style import DPI, GREY, INK, PALE, TEXT_SIZE, TITLE_SIZE, WIDTH, strokes, write

LEFT, RIGHT, TOP, BOTTOM, PANEL, GAP = 1.2, 0.4, 0.8, 0.65, 1.5, 0.55  # inches


def traces(path: Path, *, title: str, steps: Sequence[str], states: Mapping[str, np.ndarray]) -> None:
    """Write a panel for each state, with a line for each of its units.

    A vertical line stands where the steps' names change, with the name behind it.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      steps: T names.
      states: what it is to ``[T, H]``.

    Raises:
      ValueError: naming the state whose shape is wrong or that holds NaN.
    """
    require_any(states, "states")
    arrays = {name: np.asarray(values, float) for name, values in states.items()}
    for name, values in arrays.items():
        if values.ndim != 2 or len(values) != len(steps) or values.size == 0:
            raise ValueError(f"states[{name!r}]: shape {values.shape}, expected [{len(steps)}, H], none of them 0")
        if np.isnan(values).any():
            raise ValueError(f"states[{name!r}]: some values are NaN")
    write(path, _traces(title, steps, arrays))


def _traces(title: str, steps: Sequence[str], states: Mapping[str, np.ndarray]) -> Figure:
    height = TOP + len(states) * (PANEL + GAP) - GAP + BOTTOM
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    heading = {"ha": "left", "va": "top", "parse_math": False}
    where = LEFT / WIDTH
    figure.text(where, 1 - 0.15 / height, drawable(title), fontsize=TITLE_SIZE, weight="bold", color=INK, **heading)
    figure.text(where, 1 - 0.43 / height, "a line is a unit", fontsize=TEXT_SIZE, color=GREY, **heading)
    changes = [k for k in range(len(steps)) if k == 0 or steps[k] != steps[k - 1]]
    for number, (name, values) in enumerate(states.items()):
        bottom = (height - TOP - number * (PANEL + GAP) - PANEL) / height
        axes = figure.add_axes((where, bottom, (WIDTH - LEFT - RIGHT) / WIDTH, PANEL / height), facecolor="white")
        for stroke, unit in zip(strokes(values.shape[1]), values.T, strict=True):
            axes.plot(np.arange(len(steps)), unit, color=stroke.colour, linestyle=stroke.line, linewidth=1.5)
        axes.set_title(drawable(name), loc="left", fontsize=TEXT_SIZE, color=INK, pad=4)
        axes.set_xlim(0, max(len(steps) - 1, 1))
        axes.grid(axis="y", color=PALE, linewidth=0.8)
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.spines["bottom"].set_color(GREY)
        axes.tick_params(labelsize=TEXT_SIZE, labelcolor=INK, color=GREY, length=0)
        axes.set_xticks([])
        for k in changes:
            axes.axvline(k, color=GREY, linewidth=0.8, zorder=0)
        if number == len(states) - 1:
            # Of names that change again at once there is no room for the first.
            named = [k for k, then in zip(changes, [*changes[1:], np.inf], strict=True) if then - k > len(steps) / 20]
            axes.set_xticks(named, [drawable(f"{steps[k]}, step {k + 1}") for k in named])
            axes.set_xlabel("what is read, from that step on", fontsize=TEXT_SIZE, color=INK)
    return figure
