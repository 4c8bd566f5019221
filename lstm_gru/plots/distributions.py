"""Results of many runs of several models, each run a point."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lstm_gru.plots.checks import require_a_value, require_any, require_positive
from lstm_gru.plots.style import BLUE, DASHES, GREY, LEFT, PALE, empty_figure, write

LETTER, MARGIN = 0.083, 0.3  # Inches, of a name beside its box.
SPREAD = 0.32  # Of a model's points, where the distance of two models is 1.


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

    Models stand below each other, in their order from the top, since their names may be long.

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
    note = f"box: quartiles and median of {runs} runs; points: runs"
    if reference is not None:
        note += f"; dashed: {reference[0]}"
    left = max(LEFT, MARGIN + LETTER * max(map(len, values)))
    figure, axes = empty_figure(title, (value_label, ""), note, left)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=PALE, linewidth=0.8)
    if logarithm:
        axes.set_xscale("log")
    for row, found in enumerate(values.values()):
        points = np.sort(np.asarray(found, float)[~np.isnan(found)])
        low, middle, high = np.percentile(points, [25, 50, 75])
        axes.barh(row, high - low, 0.7, left=low, color=BLUE, alpha=0.18, zorder=2)
        axes.plot([middle, middle], [row - 0.35, row + 0.35], color=BLUE, linewidth=2, zorder=3)
        # Above each other in an order that does not depend on chance, so that equal values can be counted.
        above = row + SPREAD * np.linspace(-1, 1, len(points)) if len(points) > 1 else [row]
        axes.plot(points, above, "o", color=BLUE, markersize=6, markeredgecolor="white", zorder=4, clip_on=False)
    if reference is not None:
        axes.axvline(reference[1], color=GREY, linewidth=1.5, linestyle=DASHES[0], zorder=1)
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.5, -0.5)
    return figure
