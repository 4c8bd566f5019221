"""``experiments/RESULTS.md``: of each experiment everything that is recorded, with what it was recorded."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from lstm_gru.experiment import Experiment, experiment_names, load_experiment
from lstm_gru.files import read_json
from lstm_gru.records import best_rate, plots_directory, recorded, recorded_rates, script_record
from lstm_gru.report.cells import cell_table
from lstm_gru.report.tables import MISSING, Table, comparison, differences, rates_table, runs_of, verdicts, versus
from lstm_gru.training.manifest import environments

HEAD = (
    "Made by `lstm-gru report` from the JSON files in `results/`; not edited by hand. Scores are means ± sample "
    "standard deviations over seeds. Minutes are the median over seeds, evaluation included, on two cores that often "
    "had other things to do; how fast cells are is in [BENCHMARK.md](BENCHMARK.md)."
)
MOST_COLUMNS = 14  # Of a table that somebody can read.
VERDICTS = (
    "Published figures: reproduced where the difference is at most twice the root of the sum of two squares, the "
    "standard error of the score over the test's {unit}s (bootstrap) and the standard deviation over seeds; else "
    "better or short."
)
OPEN = " Open: a run was recorded without its {unit}s."


def results() -> str:
    """Return the text of ``experiments/RESULTS.md``."""
    parts = ["# Results", HEAD]
    parts += [_section(load_experiment(name)) for name in experiment_names()]
    return "\n\n".join([*parts, *_translation_speed(), *_cells()]) + "\n"


def _section(experiment: Experiment) -> str:
    records = recorded(experiment.name)
    parts = [
        f'## <a id="{experiment.name}"></a>{experiment.name}: {experiment.title}',
        f"Data: {experiment.data}. Reproduces: {experiment.reproduces}.",
        _commands(experiment, records),
        _scores(experiment, records).markdown(),
        *_signatures(records),
        "\n".join(f"- {note}" for note in experiment.notes),
    ]
    if table := verdicts(experiment, records):
        rule = VERDICTS + OPEN * any(row[-1] == "open" for row in table.rows)
        parts += [rule.format(unit=experiment.unit), table.markdown()]
    parts += _comparisons(experiment, records)
    if table := rates_table(experiment, recorded_rates(experiment.name)):
        parts += [
            f"Learning rates, chosen on validation with seed 0 (`lstm-gru tune {experiment.name}`):",
            table.markdown(),
            *_at_an_end(experiment),
        ]
    parts += [f"![{caption}](plots/{name})" for name, caption in plot_captions(experiment.name).items()]
    return "\n\n".join([*parts, made_with(records)])


def _scores(experiment: Experiment, records: list[Mapping[str, Any]]) -> Table:
    """All scores of the variants that have any; where these are many, a row for each."""
    there = [variant for variant in experiment.variants if runs_of(variant, records)]
    table = comparison(experiment.only(there), records, scores=tuple(experiment.scores))
    return table.turned() if len(table.headings) > MOST_COLUMNS else table


def _at_an_end(experiment: Experiment) -> list[str]:
    """Which rates, of those that count, are the smallest or the largest that were tried."""
    counting = {grid["variant"]: grid for grid in recorded_rates(experiment.name)}  # Those of whole runs come last.
    ends = {"smallest": min, "largest": max}
    found = {
        end: [experiment.label(variant) for variant, grid in counting.items() if _is_end(grid, choose)]
        for end, choose in ends.items()
    }
    said = [f"The {end} that was tried is the best of {'; '.join(labels)}." for end, labels in found.items() if labels]
    return [" ".join(["A rate beyond the grid may be better at its ends.", *said])] if said else []


def _is_end(grid: Mapping[str, Any], choose: Callable[..., str]) -> bool:
    return best_rate(grid) == choose(grid["rates"], key=float)


def _translation_speed() -> list[str]:
    record = read_json(script_record("translation_speed"))
    if record is None:
        return []
    experiment, columns = load_experiment("multi30k"), ("training_tokens_per_second", "beam_seconds", "greedy_seconds")
    rows = tuple(
        (
            experiment.label(variant),
            f"{figures['parameters']:,}",
            *(f"{statistics.median(figures[name]):,.1f}" if name in figures else MISSING for name in columns),
        )
        for variant, figures in record["models"].items()
    )
    headings = ("", "parameters", "target tokens a second, training", "1,000 sentences, beam 5 (s)", "greedy (s)")
    return [
        "## Speed of the translation models",
        "Medians of several rounds after compilation, each model in a process of its own on an idle machine "
        "(`scripts/translation_speed --record`).",
        Table(headings, rows).markdown(),
        made_with([record]),
    ]


def _cells() -> list[str]:
    return [
        "## The cells",
        "Counted from what each cell computes and draws. Where the forget gate is coupled (`coupled_lstm`, "
        "`lstm_cifg`), it is 1 - i and costs nothing.",
        cell_table().markdown(),
    ]


def _signatures(records: list[Mapping[str, Any]]) -> list[str]:
    """How the scores were computed, each way once."""
    found = [f"`{score}`: {how}" for record in records for score, how in record.get("signatures", {}).items()]
    return ["Computed as: " + "; ".join(dict.fromkeys(found))] if found else []


def _comparisons(experiment: Experiment, records: list[Mapping[str, Any]]) -> list[str]:
    tables = [table for table in (differences(experiment, records), versus(experiment, records)) if table]
    if not tables:
        return []
    unit = experiment.unit
    text = (
        f"Paired differences, with 95 % bootstrap intervals over the {unit}s; a variant's statistics in each {unit} "
        "are averaged over its seeds first. An interval without 0 is a difference that does not hang on single "
        f"{unit}s."
    )
    return [text, *(table.markdown() for table in tables)]


def plot_captions(experiment: str) -> dict[str, str]:
    """Return the file names of an experiment's recorded plots, each with its caption."""
    return read_json(plots_directory() / f"{experiment}.json") or {}


def _commands(experiment: Experiment, records: list[Mapping[str, Any]]) -> str:
    """The commands that measure what is recorded: one for the variants that have as many seeds."""
    by_seeds: dict[int, list[str]] = {}
    for variant in experiment.variants:
        seeds = max((record["seed"] + 1 for record in records if record.get("variant") == variant), default=0)
        by_seeds.setdefault(seeds, []).append(variant)
    commands, alike = [], len(by_seeds) == 1
    for seeds, variants in sorted(by_seeds.items(), reverse=True):
        if seeds or alike:
            chosen = "" if alike else f" --variants {' '.join(variants)}"
            commands.append(f"`lstm-gru reproduce {experiment.name} --seeds {seeds or 1} --record{chosen}`")
    return f"Command{'s' if len(commands) > 1 else ''}: {', '.join(commands)}"


def made_with(records: list[Mapping[str, Any]]) -> str:
    """Return one line for each environment that recorded something."""
    lines = []
    for made in (each for record in records for each in environments(record["made_with"])):
        versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
        line = (
            f"- commit {made['commit']}, {made['cores']} cores, {made['platform']}, Python {made['python']}, {versions}"
        )
        if line not in lines:
            lines.append(line)
    return "Recorded with:\n\n" + "\n".join(lines) if lines else "Nothing recorded yet."
