"""Forecasting one or many series over a rolling origin, as a task for the common loop.

Three parts in time: training windows end before ``train_end``; the checkpoint is chosen, and the interval
calibrated, on windows whose targets lie from there up to ``valid_end``; the test reads those after it. Nothing from
``train_end`` on is used for scaling, unless a published protocol asks for that (``scale_end``).

The centre is trained with Huber's loss or the squared error, the bounds with the pinball loss at 10 % and 90 %, all in
scaled units; scores are in the series' own.
"""

from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from lstm_gru.config import TrainConfig, require, require_choice
from lstm_gru.data.calendar import calendar_features
from lstm_gru.data.series import Series
from lstm_gru.data.windows import WindowConfig, Windows
from lstm_gru.errors import InputError
from lstm_gru.graph import Graph
from lstm_gru.inside import look
from lstm_gru.losses import huber, pinball, squared
from lstm_gru.metrics import COVERAGE, LOWER, UPPER, coverage, interval_factor, mae, rmse, widen
from lstm_gru.models.forecaster import ForecasterConfig, Widths, forecaster
from lstm_gru.task import Batch, Inside, Params, Split, Task, kept, numbered

LOSSES = {"huber": huber, "squared": squared}
FORECASTS_FILE = "forecasts.npz"
VALUES_AT_ONCE = 2_000_000  # Of all windows that are forecast together: some tens of megabytes.


@dataclass(frozen=True)
class ForecastingConfig:
    """Everything that a forecasting run can change."""

    model: ForecasterConfig = field(default_factory=ForecasterConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    loss: Literal["huber", "squared"] = "huber"
    """What the centre is trained with."""
    valid_stride: int = 1
    """Steps between two origins of the validation part."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require_choice(self, "loss", LOSSES)
        require(self, "valid_stride", low=1)


class Parts(NamedTuple):
    """Where the parts of a series end.

    Attributes:
      train_end: index of the first value that training may not use.
      valid_end: index of the first value of the test part; ``train_end`` for no validation part.
      test_stride: steps between two origins of the test part.
      whole: whether a test origin needs all of its targets observed before the end; else one is enough.
      scale_end: index of the first value that may not be used for scaling; None is ``train_end``.
    """

    train_end: int
    valid_end: int
    test_stride: int = 1
    whole: bool = True
    scale_end: int | None = None


class Forecasts(NamedTuple):
    """Forecasts from several origins, in the series' units.

    Attributes:
      origins: int ``[O]``, indices of the last values seen.
      centre: ``[O, C, H]``.
      lower: ``[O, C, H]``, the 10 % quantile; None for a forecaster without interval.
      upper: ``[O, C, H]``, the 90 % quantile.
      factor: by which the bounds were moved from the centre to cover their share of the validation part.
    """

    origins: np.ndarray
    centre: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    factor: np.ndarray = np.array(1.0)


def forecasting(
    series: Series,
    parts: Parts,
    config: ForecastingConfig,
    settings: dict[str, Any],
    *,
    targets: int | None = None,
    graph: Graph | None = None,
    by_deviation: bool = False,
) -> Task:
    """Return the task of forecasting a series' columns.

    Args:
      series: the whole series; values from ``parts.valid_end`` on are read by the test only.
      parts: where its parts end.
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.
      targets: how many columns, the first ones, are forecast; the others are read only; None is all.
      graph: the network whose nodes the columns are.
      by_deviation: choose the checkpoint by errors in each column's standard deviation, so that columns of different
        size count alike; else by errors in their unit, which then should be one.

    Raises:
      InputError: when a part is too short for one window, or a column is constant.
    """
    windows = Windows(series, config.windows, parts.train_end, targets=targets, scale_end=parts.scale_end)
    if graph is not None and len(graph) != windows.targets:
        raise InputError(f"{series.source['file']}: {windows.targets} columns, but a graph of {len(graph)} nodes")
    validated = parts.valid_end > parts.train_end
    origins = {"test": windows.origins(parts.valid_end, len(series), parts.test_stride, whole=parts.whole)}
    if validated:
        origins["valid"] = windows.origins(parts.train_end, parts.valid_end, config.valid_stride)
    windows.train_origins  # noqa: B018  Too short a series is said now, not at the first batch.
    for split, chosen in origins.items():
        if np.isnan(windows.observed(chosen)).all():
            raise InputError(f"{series.source['file']}: no value to forecast in the {split} part; all are missing")
    widths = widths_of(config.windows, len(series.names) - windows.targets)
    init, loss, predict = _functions(config.model, widths, config.loss, graph)
    model = forecaster(config.model, widths, graph)

    selected = "valid_scaled_rmse" if by_deviation else "valid_rmse"

    @kept
    def forecast(params: Params, split: Split) -> np.ndarray:
        return rolled(windows, lambda inputs: predict(params, inputs), origins[split])

    def factor(params: Params) -> float:
        if not (config.model.interval and validated):
            return 1.0
        return interval_factor(forecast(params, "valid"), windows.observed(origins["valid"]), COVERAGE)

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        if split not in origins:
            return {}
        found, observed = forecast(params, split), windows.observed(origins[split])
        if split == "test" and config.model.interval:
            found = widen(found, factor(params))
        centre = found[..., config.model.outputs // 2]
        scores = {"rmse": rmse(centre, observed), "mae": mae(centre, observed)}
        if by_deviation:
            scores["scaled_rmse"] = rmse(centre / windows.deviations, observed / windows.deviations)
        if config.model.interval:
            scores["coverage"] = coverage(found[..., 0], found[..., 2], observed)
        return scores

    def finish(params: Params, run_dir: Path) -> None:
        found, calibration = forecast(params, "test"), factor(params)
        if config.model.interval:
            lower, centre, upper = np.moveaxis(widen(found, calibration), -1, 0)
            written = Forecasts(origins["test"], centre, lower, upper, np.array(calibration))
        else:
            written = Forecasts(origins["test"], found[..., 0])
        write_forecasts(run_dir / FORECASTS_FILE, written)

    def inside(params: Params, number: int) -> Inside:
        """The windows of the test, of each all columns one after the other."""
        window, column = divmod(number, windows.targets)
        numbered(range(len(origins["test"]) * windows.targets), number, "windows of one column in the test")
        inputs, last = windows.inputs(origins["test"][[window]]), int(origins["test"][window])
        read = (inputs[name] for name in ("values", "missing", "context"))
        record = model.apply(params, *read, method="record")
        steps = [series.base.text(step) for step in range(last - config.windows.lookback + 1, last + 1)]
        return look(f"{series.names[column]} up to {steps[-1]}", steps, record, column)

    return Task(
        init=init,
        batch=lambda step: windows.batch(config.train.seed, step),
        loss=loss,
        evaluate=evaluate,
        selects=(selected, "min") if validated else None,
        finish=finish,
        inside=inside,
        settings={
            **settings,
            "task": "forecasting",
            "data": dict(series.source),
            "columns": list(series.names),
            "targets": windows.targets,
            "parts": parts._asdict(),
            "scale": {name: np.asarray(value).tolist() for name, value in windows.scale._asdict().items()},
            "graph": None if graph is None else graph.sha256,
            "model": asdict(config.model),
            "windows": asdict(config.windows),
            "loss": config.loss,
            "valid_stride": config.valid_stride,
            **({"selects": selected} if by_deviation else {}),
        },
    )


def widths_of(windows: WindowConfig, exogenous: int) -> Widths:
    """Return the widths of what a forecaster reads of such windows, with so many exogenous columns."""
    known = calendar_features(np.zeros(1, "datetime64[s]"), windows.calendar).shape[-1]
    return Widths(windows.lookback, windows.horizon, known + 2 * exogenous, known)


def rolled(windows: Windows, predict: Any, origins: np.ndarray) -> np.ndarray:
    """Return forecasts ``[O, C, H, Q]`` in the series' units, from all origins, in pieces of one shape.

    Args:
      windows: of the series.
      predict: ``inputs -> [B, C, H, Q]`` in scaled units.
      origins: ``[O]``.
    """
    per_window = windows.targets * (windows.config.lookback * 16 + windows.config.horizon * 3)
    size = max(1, min(len(origins), VALUES_AT_ONCE // per_window))
    padded = np.append(origins, np.full(-len(origins) % size, origins[-1])).reshape(-1, size)
    scaled = np.concatenate([np.asarray(predict(windows.inputs(piece))) for piece in padded])
    return windows.to_units(scaled[: len(origins)])


def write_forecasts(path: Path, forecasts: Forecasts) -> None:
    """Write forecasts as a NumPy archive."""
    arrays = {name: value for name, value in forecasts._asdict().items() if value is not None}
    np.savez_compressed(path, **arrays)


def read_forecasts(path: Path) -> Forecasts:
    """Return forecasts as written by `write_forecasts`."""
    with np.load(path) as stored:
        return Forecasts(**{name: stored[name] for name in stored.files})


@cache  # Tasks of one configuration share these functions, and so what is compiled of them.
def _functions(config: ForecasterConfig, widths: Widths, loss_name: str, graph: Graph | None) -> tuple[Any, Any, Any]:
    model = forecaster(config, widths, graph)

    def apply(params: Params, batch: Batch, key: jax.Array | None) -> jax.Array:
        return model.apply(params, batch["values"], batch["missing"], batch["context"], batch["known"], key)

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        found, target, weight = apply(params, batch, key), batch["target"], batch["weight"]
        centre = found[..., config.outputs // 2]
        total, count = LOSSES[loss_name](centre, target, weight)
        if config.interval:
            total += pinball(found[..., 0], target, weight, LOWER)[0] + pinball(found[..., 2], target, weight, UPPER)[0]
        return (total, count), {"mse": squared(centre, target, weight)}

    return jax.jit(model.init), loss, jax.jit(lambda params, inputs: apply(params, inputs, None))
