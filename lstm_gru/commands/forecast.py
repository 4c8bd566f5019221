"""``lstm-gru forecast``."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from lstm_gru.commands.terminal import line_progress, show
from lstm_gru.data.series import Series
from lstm_gru.data.tables import read_series
from lstm_gru.data.timebase import parse_frequency
from lstm_gru.errors import InputError
from lstm_gru.forecast.compare import Comparison, Entry
from lstm_gru.forecast.network import Columns, load_network
from lstm_gru.forecast.output import Future, draw_future, write_future
from lstm_gru.forecast.plan import WIDTHS, plan
from lstm_gru.report.tables import MISSING, Table

DEFAULT_OUT = Path("forecast")
ALL = "all"
WITHOUT_RUN = ("time_column", "value_column", "exogenous", "horizon", "cell", "freq", "logarithm", "use", "seed")
USES = {"network": "", "last": "last value", "season": "last season", "ridge": "ridge"}
Names = Annotated[str, tyro.conf.arg(metavar="NAME[,NAME...]")]


@dataclass(frozen=True)
class ForecastArguments:
    """Forecast the columns of a CSV file, or with RUN go on from a forecaster that was trained before.

    Without RUN, networks are trained, compared on the last horizons of the file with the last value, the last season
    and a ridge regression, and the winner is named, whoever it is. Written into the output directory: forecast.csv with
    an 80 % interval, forecast.png, and a run directory for each cell, from which a later call with RUN forecasts newer
    data without training.
    """

    run: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[RUN]")] = None
    """The run directory of a cell, as forecast/gru, that an earlier call has left."""
    data: Path | None = None
    """The CSV file, as it is or gzip: a header line, one row a time, in ascending order."""
    time_column: str | None = None
    """Column of dates or times."""
    value_column: Names | None = None
    """Columns to forecast, with commas between them."""
    exogenous: Names = ""
    """Columns that are read up to the last row, but not forecast, with commas between them."""
    horizon: int | None = None
    """Steps to forecast."""
    cell: Literal["lstm", "gru", "rnn", "all"] = "gru"
    """The cell of the network; all compares the three."""
    freq: str | None = None
    """The step between two rows, as 5min, 1h, D or M; inferred when not given."""
    date_format: str | None = None
    """How dates are written, as for strptime; inferred when not given."""
    logarithm: bool = False
    """Forecast log(1 + value), for what grows and swings by percentages."""
    use: Literal["network", "last", "season", "ridge"] = "network"
    """What makes the forecast that is written: the network best on validation, or a rule."""
    out: Path | None = None
    """Directory of everything that is written; "forecast" when not given, and with RUN standard output for the CSV."""
    seed: int = 0
    """Decides initial parameters, batches and noise."""


def forecast(argv: list[str]) -> int:
    """Forecast the columns of a CSV file, networks beside trivial rules, or newer data with a trained forecaster."""
    arguments = tyro.cli(ForecastArguments, args=argv, prog="lstm-gru forecast")
    _check(arguments)
    (_train_and_forecast if arguments.run is None else _forecast_only)(arguments)
    return 0


def _check(arguments: ForecastArguments) -> None:
    needed = ("data",) if arguments.run is not None else ("data", "time_column", "value_column", "horizon")
    for name in WITHOUT_RUN if arguments.run is not None else ():
        if getattr(arguments, name) != getattr(ForecastArguments(), name):
            raise InputError(f"--{name.replace('_', '-')}: given with RUN, which has its own; expected it without RUN")
    for name in needed:
        if getattr(arguments, name) is None:
            raise InputError(f"--{name.replace('_', '-')}: missing; expected it" + (" without RUN" * (name != "data")))
    if arguments.horizon is not None and arguments.horizon < 1:
        raise InputError(f"--horizon = {arguments.horizon}; expected at least 1")
    if arguments.seed < 0:
        raise InputError(f"--seed = {arguments.seed}; expected at least 0")


def _forecast_only(arguments: ForecastArguments) -> None:
    network = load_network(arguments.run)
    series = _read(arguments, network.columns, None)
    network.columns.check(series)
    future = Future(series, network.columns.values, network.forecast(series), network.model.cell.upper())
    if arguments.out is None:
        write_future(sys.stdout, future)
    else:
        _write(arguments.out, future)


def _train_and_forecast(arguments: ForecastArguments) -> None:
    names = [part.strip() for part in arguments.value_column.split(",")]
    exogenous = [part.strip() for part in arguments.exogenous.split(",") if part.strip()]
    columns = Columns(arguments.time_column, tuple(names), tuple(exogenous), (0, "s"), "")
    series = _read(arguments, columns, arguments.freq and parse_frequency(arguments.freq))
    step = series.base.step
    step = int(step.astype(int)), np.datetime_data(step.dtype)[0]
    columns = columns._replace(step=step, zone=series.base.zone)
    chosen = plan(series, arguments.horizon, targets=len(names), logarithm=arguments.logarithm)
    if arguments.use == "season" and not chosen.seasons:
        raise InputError(
            f"--use season: {series.base} data of {len(series)} rows have no season; expected another rule"
        )
    comparison = Comparison(series, columns, chosen)
    entries, out = comparison.rule_entries(), arguments.out or DEFAULT_OUT
    for cell in WIDTHS if arguments.cell == ALL else (arguments.cell,):
        entries[cell.upper()] = comparison.train(cell, out / cell, arguments.seed)
    show(_table(entries, comparison), _title(comparison))
    networks = {name: entry.network for name, entry in entries.items() if entry.network}
    best = min(networks, key=lambda name: networks[name].valid)
    future = _future(arguments, comparison, networks[best].run_dir, best)
    print(_verdict(entries, comparison, future.by, best))
    _write(out, future)


def _read(arguments: ForecastArguments, columns: Columns, frequency: np.timedelta64 | None) -> Series:
    with line_progress(True) as shown:
        return read_series(
            arguments.data,
            time_column=columns.time,
            value_columns=columns.all,
            frequency=frequency,
            date_format=arguments.date_format,
            progress=shown,
        )


def _future(arguments: ForecastArguments, comparison: Comparison, run_dir: Path, best: str) -> Future:
    """The forecast after the series' end, by what was asked for: the best network, of ``run_dir``, or a rule."""
    series, names = comparison.series, comparison.columns.values
    if arguments.use == "network":
        return Future(series, names, load_network(run_dir).forecast(series), best)
    rule = next(name for name in comparison.rules if name.startswith(USES[arguments.use]))
    return Future(series, names, comparison.bounded(rule)(np.array([len(series) - 1]))[0], rule)


def _write(out: Path, future: Future) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / "forecast.csv").open("w", newline="", encoding="utf-8") as file:
            write_future(file, future)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another directory with --out") from error
    print(out / "forecast.csv", *draw_future(out / "forecast.png", future), sep="\n")


def _title(comparison: Comparison) -> str:
    folds, horizon = comparison.plan.folds, comparison.plan.windows.horizon
    first = comparison.series.base.text(comparison.plan.parts.valid_end)
    return (
        f"{comparison.series.source['file']}, {comparison.series.base}, {len(comparison.series):,} steps: "
        f"the last {folds} x {horizon}, from {first} on"
    )


def _table(entries: Mapping[str, Entry], comparison: Comparison) -> Table:
    """Rows from worst to best by the score that ranks."""
    headings = comparison.headings
    ranked = sorted(entries.items(), key=lambda item: -item[1].scores[comparison.ranking])
    rows = [
        (name if entry.network else f"{name} (trivial)", *(_number(entry.scores[score]) for score in headings))
        for name, entry in ranked
    ]
    return Table(("", *headings.values()), tuple(rows))


def _number(score: float) -> str:
    return MISSING if math.isnan(score) else f"{score:.4g}"


def _verdict(entries: Mapping[str, Entry], comparison: Comparison, used: str, best: str) -> str:
    """Who won, said plainly when it is a trivial rule; and whose forecast is written."""
    errors = {name: entry.scores[comparison.ranking] for name, entry in entries.items()}
    winner = min(errors, key=errors.get)
    error = f"{comparison.headings[comparison.ranking]} {errors[winner]:.4g}"
    written = f"The forecast that is written is that of {used}" + ", best on validation" * (used == best)
    if entries[winner].network:
        return f"{winner} wins on the test folds ({error}). {written}."
    network = min(errors[name] for name, entry in entries.items() if entry.network)
    won = f"{winner}, a trivial rule, wins on the test folds ({error}; the best network has {network:.4g})."
    option = next(option for option, rule in USES.items() if rule and winner.startswith(rule))
    return f"{won} {written}" + (f"; --use {option} forecasts with the winner." if used != winner else ".")
