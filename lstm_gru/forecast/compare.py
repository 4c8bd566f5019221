"""Networks and trivial rules on the same test folds, with the same scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstm_gru.baselines.rolling import Rule
from lstm_gru.data.series import Series
from lstm_gru.data.windows import Windows
from lstm_gru.forecast.network import Columns
from lstm_gru.forecast.plan import Plan
from lstm_gru.forecast.rules import fitted_rules, with_interval
from lstm_gru.metrics import coverage, mae, mase_scale, rmse, smape
from lstm_gru.tasks.forecasting import FORECASTS_FILE, Forecasts, forecasting, read_forecasts
from lstm_gru.training.loop import fit


class Trained(NamedTuple):
    """A trained network of the comparison.

    Attributes:
      run_dir: its run directory.
      valid: the score of the validation part that chose its checkpoint.
    """

    run_dir: Path
    valid: float


class Entry(NamedTuple):
    """One row of the comparison.

    Attributes:
      scores: by the names of `Comparison.headings`, over all test folds.
      network: what was trained; None for a rule.
    """

    scores: Mapping[str, float]
    network: Trained | None = None


class Comparison:
    """A series, its plan, and what was measured on it.

    Args:
      series: the columns of ``columns``, in its order.
      columns: where they stand in their file.
      plan: the settings.
    """

    def __init__(self, series: Series, columns: Columns, plan: Plan):
        self.series, self.columns, self.plan = series, columns, plan
        self.targets = len(columns.values)
        parts = plan.parts
        self.windows = Windows(series, plan.windows, parts.train_end, targets=self.targets)
        self.valid_origins = self.windows.origins(parts.train_end, parts.valid_end, plan.valid_stride)
        self.test_origins = self.windows.origins(parts.valid_end, len(series), parts.test_stride)
        self.rules = fitted_rules(self.windows, plan.seasons, self.valid_origins)

    @property
    def headings(self) -> dict[str, str]:
        """Each score with its unit or convention; the first one ranks."""
        several = {"scaled_rmse": "RMSE in standard deviations"} if self.targets > 1 else {}
        return {
            **several,
            "rmse": "RMSE",
            "mae": "MAE",
            "mase": f"MASE (season {self.season})",
            "smape": "sMAPE (0-2)",
            "coverage": "coverage of 80 %",
        }

    @property
    def ranking(self) -> str:
        """The score that ranks: of several columns one to which those of different size count alike."""
        return next(iter(self.headings))

    @property
    def season(self) -> int:
        """Steps of the season that MASE is scaled by: the shortest, or 1 without any."""
        return self.plan.seasons[0] if self.plan.seasons else 1

    def rule_entries(self) -> dict[str, Entry]:
        """Return the rows of the trivial rules."""
        return {name: self._rule_entry(name) for name in self.rules}

    def _rule_entry(self, name: str) -> Entry:
        lower, centre, upper = np.moveaxis(self.bounded(name)(self.test_origins), -1, 0)
        return Entry(self.score(Forecasts(self.test_origins, centre, lower, upper)))

    def bounded(self, name: str) -> Rule:
        """Return a rule with its interval."""
        return with_interval(self.rules[name], self.windows, self.valid_origins)

    def train(self, cell: str, run_dir: Path, seed: int) -> Entry:
        """Train a cell, or continue or reread its run, and return its row.

        Raises:
          InputError: when the directory belongs to another configuration.
          Stopped: after SIGTERM or Ctrl-C, with the state saved.
        """
        config = self.plan.config(cell, seed)
        settings = {"read": self.columns._asdict()}
        several = self.targets > 1
        task = forecasting(self.series, self.plan.parts, config, settings, targets=self.targets, by_deviation=several)
        scores = fit(task, config.train, run_dir).scores
        found = read_forecasts(run_dir / FORECASTS_FILE)
        return Entry(self.score(found), Trained(run_dir, scores["selected_by"]["value"]))

    def score(self, forecasts: Forecasts) -> dict[str, float]:
        """Return the scores of forecasts from the test origins, those of `headings` among them."""
        observed = self.windows.observed(forecasts.origins)
        history = self.series.values[: self.plan.parts.train_end, : self.targets]
        scales = np.array([mase_scale(column, self.season) for column in history.T])[None, :, None]
        if not scales.all():
            scales[:] = np.nan  # Of a column that repeats itself exactly there is no MASE, nor of all together.
        deviations = self.windows.deviations
        return {
            "scaled_rmse": rmse(forecasts.centre / deviations, observed / deviations),
            "rmse": rmse(forecasts.centre, observed),
            "mae": mae(forecasts.centre, observed),
            "mase": mae(forecasts.centre / scales, observed / scales),
            "smape": smape(forecasts.centre, observed),
            "coverage": coverage(forecasts.lower, forecasts.upper, observed),
        }
