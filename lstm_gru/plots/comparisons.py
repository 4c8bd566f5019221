"""Several models side by side, each a mean over runs in a band: while training, and by the length of a sentence."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lstm_gru.plots.checks import require_a_value, require_any, require_positive
from lstm_gru.plots.labels import label_ends
from lstm_gru.plots.style import LEFT, STRONG, Stroke, band, empty_figure, level, strokes, write

POWERS = 1.1  # inches, for ticks such as 6 × 10⁻²
ROOM = 0.3  # left of the first bin, where the distance of two is 1


def learning_curves(
    path: Path,
    *,
    title: str,
    value_label: str,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    step_label: str = "training step",
    reference: tuple[str, float] | None = None,
    logarithm: bool = False,
) -> None:
    """Write the mean over runs at each step, in a band from the smallest to the largest run.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      value_label: the quantity with its unit.
      curves: name to ``(steps, values [runs, N])``; where one run is NaN, line and band have a gap. Steps are in
        ascending order and may differ between models. They are ``[N]``, or ``[runs, N]`` where runs reach the same
        point at different times: then the line stands at their mean.
      step_label: the unit of ``steps``, minutes for example.
      reference: name and value of a line to compare with.
      logarithm: a logarithmic axis of values; all are above 0 then.

    Raises:
      ValueError: naming the curve whose shape is wrong, whose steps do not ascend, which has no value, or one that a
        logarithmic axis cannot show.
    """
    require_any(curves)
    for name, (steps, values) in curves.items():
        if np.ndim(values) != 2 or np.size(values) == 0:
            raise ValueError(f"curves[{name!r}]: values {np.shape(values)}, expected [runs, N], none of them 0")
        if np.shape(steps) not in (np.shape(values), np.shape(values)[1:]):
            expected = f"{np.shape(values)[1:]} or {np.shape(values)} as its values"
            raise ValueError(f"curves[{name!r}]: steps {np.shape(steps)}, expected {expected}")
        if not np.all(np.diff(steps) > 0):
            raise ValueError(f"curves[{name!r}]: steps are NaN or not in ascending order")
        require_a_value(f"curves[{name!r}]", np.mean(values, axis=0))
        if logarithm:
            require_positive(f"curves[{name!r}]", values)
    means = {name: (_mean_steps(steps), values) for name, (steps, values) in curves.items()}
    write(path, _learning_curves(title, (step_label, value_label), means, reference, logarithm))


def score_by_length(
    path: Path,
    *,
    title: str,
    score_label: str,
    length_label: str,
    edges: Sequence[int],
    counts: Sequence[int],
    curves: Mapping[str, np.ndarray],
    unit: str = "sentences",
) -> None:
    """Write a score over bins of a count, as a sentence's length: the mean over runs, in a band over all runs.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      score_label: the score with its unit.
      length_label: what is counted, source words for example.
      edges: ``[N + 1]`` in ascending order; bin i holds the lengths from ``edges[i]`` to ``edges[i + 1] - 1``.
      counts: ``[N]``, the sentences in each bin, written below it.
      curves: name to ``[runs, N]``; NaN, as in an empty bin, leaves a gap.
      unit: what ``counts`` counts.

    Raises:
      ValueError: naming the argument whose shape or order is wrong, or the curve without a value.
    """
    require_any(curves)
    if len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError(f"edges: {list(edges)}, expected two or more in ascending order")
    bins = len(edges) - 1
    if np.shape(counts) != (bins,):
        raise ValueError(f"counts: shape {np.shape(counts)}, expected {(bins,)}, one a bin between edges")
    for name, values in curves.items():
        if np.ndim(values) != 2 or np.shape(values)[1] != bins or np.size(values) == 0:
            raise ValueError(f"curves[{name!r}]: {np.shape(values)}, expected [runs, {bins}], one a bin between edges")
        require_a_value(f"curves[{name!r}]", np.mean(values, axis=0))
    names = [_bin_name(low, high - 1) for low, high in pairwise(edges)]
    ticks = [f"{name}\n({count})" for name, count in zip(names, counts, strict=True)]
    write(path, _score_by_length(title, (f"{length_label} (number of {unit})", score_label), ticks, curves))


def _mean_steps(steps: np.ndarray) -> np.ndarray:
    return np.mean(steps, axis=0) if np.ndim(steps) == 2 else np.asarray(steps)


def _bin_name(first: int, last: int) -> str:
    return f"{first}-{last}" if last > first else f"{first}"


def _learning_curves(
    title: str,
    labels: tuple[str, str],
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    reference: tuple[str, float] | None,
    logarithm: bool,
) -> Figure:
    left = POWERS if logarithm else LEFT
    figure, axes = empty_figure(title, labels, _note(values for _, values in curves.values()), left)
    if logarithm:
        axes.set_yscale("log")
    if reference is not None:
        level(axes, *reference)
    lines = []
    for stroke, (name, (steps, values)) in zip(strokes(len(curves)), curves.items(), strict=True):
        lines.append(_mean_in_band(axes, stroke, name, steps, values))
    if all(np.equal(steps, np.round(steps)).all() for steps, _ in curves.values()):
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    limits = min(steps[0] for steps, _ in curves.values()), max(steps[-1] for steps, _ in curves.values())
    if limits[0] < limits[1]:  # not so after a single evaluation
        axes.set_xlim(*limits)
    label_ends(axes, lines, samples=len(lines) > len(STRONG))
    return figure


def _score_by_length(
    title: str, labels: tuple[str, str], ticks: Sequence[str], curves: Mapping[str, np.ndarray]
) -> Figure:
    figure, axes = empty_figure(title, labels, _note(curves.values()))
    bins = np.arange(len(ticks))
    lines = []
    for stroke, (name, values) in zip(strokes(len(curves)), curves.items(), strict=True):
        line = _mean_in_band(axes, stroke, name, bins, values)
        line.set(marker=stroke.marker, markersize=7, markeredgecolor="white", markeredgewidth=0.8, clip_on=False)
        lines.append(line)
    axes.set_xticks(bins, ticks)
    axes.set_xlim(-ROOM, max(bins[-1], ROOM))
    label_ends(axes, lines, samples=True)
    return figure


def _note(values: Iterable[np.ndarray]) -> str:
    """What line and band are; nothing where every model has a single run."""
    runs = sorted({len(of_model) for of_model in values})
    count = f"{runs[0]} to {runs[-1]}" if len(runs) > 1 else f"{runs[0]}"
    return "" if runs == [1] else f"line: mean of {count} runs; band: from the smallest to the largest"


def _mean_in_band(axes: Axes, stroke: Stroke, name: str, x: np.ndarray, values: np.ndarray) -> Line2D:
    band(axes, x, np.min(values, axis=0), np.max(values, axis=0), stroke.colour)
    mean = np.mean(values, axis=0)
    (line,) = axes.plot(x, mean, color=stroke.colour, linestyle=stroke.line, linewidth=2, zorder=3, label=name)
    return line
