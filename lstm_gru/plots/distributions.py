"""Results of many runs of several models, each run a point."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lstm_gru.plots.checks import require_a_value, require_any, require_positive
from lstm_gru.plots.style import BLUE, empty_figure, level, write

ROOM = 80  # Letters of all names that have room side by side.
SPREAD = 0.16  # Of a model's points, where the distance of two models is 1.


def distributions(
    path: Path,
    *,
    title: str,
    value_label: str,
    values: Mapping[str, Sequence[float]],
    reference: tuple[str, float] | None = None,
    logarithm: bool = False,
) -> None:
    """Write a box for each model, from the first to the third quartile with the median, and a point for each run.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      value_label: the quantity with its unit.
      values: name to one value a run, at least one of them a number.
      reference: name and value of a line to compare with.
      logarithm: a logarithmic axis; all values are above 0 then.

    Raises:
      ValueError: naming the model without a value, or the one that a logarithmic axis cannot show.
    """
    require_any(values, "values")
    for name, found in values.items():
        require_a_value(f"values[{name!r}]", np.asarray(found, float))
        if logarithm:
            require_positive(f"values[{name!r}]", np.asarray(found, float))
    write(path, _distributions(title, value_label, values, reference, logarithm))


def _distributions(
    title: str,
    value_label: str,
    values: Mapping[str, Sequence[float]],
    reference: tuple[str, float] | None,
    logarithm: bool,
) -> Figure:
    counts = sorted({int(np.sum(~np.isnan(np.asarray(found, float)))) for found in values.values()})
    runs = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    figure, axes = empty_figure(title, ("", value_label), f"box: quartiles and median of {runs} runs; points: runs")
    if logarithm:
        axes.set_yscale("log")
    for place, found in enumerate(values.values()):
        points = np.sort(np.asarray(found, float)[~np.isnan(found)])
        low, middle, high = np.percentile(points, [25, 50, 75])
        axes.bar(place, high - low, 0.5, bottom=low, color=BLUE, alpha=0.18, zorder=2)
        axes.plot([place - 0.25, place + 0.25], [middle, middle], color=BLUE, linewidth=2, zorder=3)
        # Side by side in an order that does not depend on chance, so that equal values can be counted.
        beside = place + SPREAD * np.linspace(-1, 1, len(points)) if len(points) > 1 else [place]
        axes.plot(beside, points, "o", color=BLUE, markersize=6, markeredgecolor="white", zorder=4)
    if reference is not None:
        level(axes, *reference)
    turned = {"rotation": 20, "rotation_mode": "anchor", "ha": "right"} if len("  ".join(values)) > ROOM else {}
    axes.set_xticks(range(len(values)), list(values), **turned)
    axes.set_xlim(-0.5, len(values) - 0.5)
    return figure
