"""The gates of a layer along one sequence: when each unit keeps, lets in and shows what it has."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lstm_gru.plots.checks import require_any
from lstm_gru.plots.labels import drawable
from lstm_gru.plots.style import DPI, GREY, INK, TEXT_SIZE, TITLE_SIZE, WIDTH, write

LEFT, RIGHT, TOP, BOTTOM, GAP = 1.5, 1.0, 0.8, 0.8, 0.32  # inches
PANEL, BAR = 1.15, 0.16
MOST_NAMES = 40  # Steps that have their names below; of more, some have their numbers.
GATE, CANDIDATE = colormaps["viridis"], colormaps["RdBu_r"]


def gate_activations(
    path: Path,
    *,
    title: str,
    steps: Sequence[str],
    gates: Mapping[str, np.ndarray],
    candidates: Collection[str] = (),
    order_by: Collection[str] = (),
) -> None:
    """Write one map for each gate, units by steps.

    A row is the same unit in all maps of a layer and direction. Gates run from 0 (dark) to 1 (light), candidates and
    states from -1 (blue) to 1 (red), or as far as they go.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      steps: T names.
      gates: name to activations ``[T, H]``; the last word names the gate, the words before it layer and direction.
      candidates: names of those that are no gates.
      order_by: names of the gates by whose mean the units of a layer and direction are ordered, the largest on top;
        its first one where none is named.

    Raises:
      ValueError: naming the gate whose shape is wrong or that holds NaN.
    """
    require_any(gates, "gates")
    for name, values in gates.items():
        if np.ndim(values) != 2 or len(values) != len(steps) or np.size(values) == 0:
            expected = f"[{len(steps)}, H] as there are steps, none of them 0"
            raise ValueError(f"gates[{name!r}]: shape {np.shape(values)}, expected {expected}")
        if np.isnan(values).any():
            raise ValueError(f"gates[{name!r}]: some values are NaN")
    arrays = {name: np.asarray(values) for name, values in gates.items()}
    write(path, _gate_activations(title, steps, arrays, candidates, _orders(arrays, order_by)))


def _order_key(name: str, values: np.ndarray) -> tuple[str, int]:
    """Layer, direction and width; what a layer has of another width is not of the same units."""
    return " ".join(name.split()[:-1]), values.shape[1]


def _orders(gates: Mapping[str, np.ndarray], order_by: Collection[str]) -> dict[tuple[str, int], np.ndarray]:
    """The order of the units of each layer and direction."""
    orders = {}
    for name in sorted(gates, key=lambda name: name not in order_by):  # Those that are asked for come first.
        orders.setdefault(_order_key(name, gates[name]), np.argsort(-gates[name].mean(axis=0), kind="stable"))
    return orders


def _gate_activations(
    title: str,
    steps: Sequence[str],
    gates: Mapping[str, np.ndarray],
    candidates: Collection[str],
    orders: Mapping[tuple[str, int], np.ndarray],
) -> Figure:
    height = TOP + len(gates) * (PANEL + GAP) + BOTTOM
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    heading = {"ha": "left", "va": "top", "parse_math": False}
    figure.text(
        LEFT / WIDTH, 1 - 0.2 / height, drawable(title), fontsize=TITLE_SIZE, weight="bold", color=INK, **heading
    )
    note = "a row is a unit, the same in a layer's maps; gates: 0 dark, 1 light; others: blue below 0, red above"
    figure.text(LEFT / WIDTH, 1 - 0.5 / height, note, fontsize=TEXT_SIZE, color=GREY, **heading)
    for place, (name, values) in enumerate(gates.items()):
        bottom = (height - TOP - (place + 1) * (PANEL + GAP) + GAP / 2) / height
        axes = figure.add_axes((LEFT / WIDTH, bottom, (WIDTH - LEFT - RIGHT) / WIDTH, PANEL / height))
        ordered = values[:, orders[_order_key(name, values)]].T
        reach = max(1.0, float(np.abs(values).max()))
        limits = (CANDIDATE, -reach, reach) if name in candidates else (GATE, 0.0, 1.0)
        colours = dict(zip(("cmap", "vmin", "vmax"), limits, strict=True))
        mesh = axes.pcolormesh(np.arange(len(steps) + 1), np.arange(len(ordered) + 1), ordered, **colours)
        axes.invert_yaxis()
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=TEXT_SIZE, color=INK)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=TEXT_SIZE, labelcolor=INK)
        _name_steps(axes, steps, below=place == len(gates) - 1)
        bar = figure.add_axes(((WIDTH - RIGHT + 0.2) / WIDTH, bottom, BAR / WIDTH, PANEL / height))
        figure.colorbar(mesh, cax=bar)
        bar.tick_params(labelsize=TEXT_SIZE - 2, labelcolor=INK, color=GREY)
        bar.spines[:].set_visible(False)
    return figure


def _name_steps(axes, steps: Sequence[str], below: bool) -> None:
    if not below:
        axes.set_xticks([])
    elif len(steps) <= MOST_NAMES and any(not step.isdigit() for step in steps):
        names = [drawable(step) for step in steps]
        turned = {"rotation": 60, "rotation_mode": "anchor", "ha": "right", "va": "center"}
        axes.set_xticks(np.arange(len(steps)) + 0.5, names, parse_math=False, **turned)
    else:
        chosen = np.unique(np.linspace(0, len(steps) - 1, 8).astype(int))
        axes.set_xticks(chosen + 0.5, [steps[k] for k in chosen])
