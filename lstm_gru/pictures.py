"""Pictures that experiments draw of their finished runs."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_gru.experiment import FinishedRuns
from lstm_gru.plots import learning_curves
from lstm_gru.training.run_directory import valid_lines


def copy_pictures(
    runs: FinishedRuns, fold: str, file: str, directory: Path, names: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    """Copy a picture that runs drew, from the first seed of each variant that has it; return file names and captions.

    Args:
      runs: the finished ones.
      fold: whose picture.
      file: its name in the run's directory.
      directory: where it is copied to.
      names: variant to the new file name and caption.
    """
    captions = {}
    for variant, seeds in runs.items():
        source = next(iter(seeds.values()))[fold] / file
        if source.exists():
            name, caption = names[variant]
            shutil.copyfile(source, directory / name)
            captions[name] = caption
    return captions


def validation_curves(
    runs: FinishedRuns, metric: str, folds: Iterable[str] | None = None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return ``{variant: (steps [N], values [seeds, N])}`` of a validation score while training.

    Args:
      runs: the finished ones.
      metric: the score.
      folds: whose mean is taken; all of a run's when None.
    """
    curves = {}
    for variant, seeds in runs.items():
        lines = [[valid_lines(found[fold]) for fold in folds or found] for found in seeds.values()]
        steps = np.array([line["step"] for line in lines[0][0]])
        curves[variant] = steps, np.array([[[line[metric] for line in fold] for fold in run] for run in lines]).mean(1)
    return curves


def draw_learning_curves(
    path: Path,
    runs: FinishedRuns,
    metric: str,
    *,
    caption: str,
    labels: Mapping[str, str] = MappingProxyType({}),
    folds: Iterable[str] | None = None,
    **more: Any,
) -> dict[str, str]:
    """Draw a validation score while training; return the file's name and caption, or nothing without a run.

    Args:
      path: the PNG file.
      runs: the finished ones.
      metric: the score.
      caption: what is seen.
      labels: variant to its name, where that is not the variant in capitals.
      folds: whose mean is taken; all of a run's when None.
      more: arguments of `lstm_gru.plots.learning_curves`.
    """
    if not runs:
        return {}
    found = validation_curves(runs, metric, folds)
    learning_curves(path, curves={labels.get(v, v.upper()): curve for v, curve in found.items()}, **more)
    return {path.name: caption}
