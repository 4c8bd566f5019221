"""The generated documents: the README's tables, and RESULTS.md, FAULTS.md and BENCHMARK.md in experiments/.

All are made from recorded results only, so that the same records give the same text.
"""

import re
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstm_gru.errors import InputError
from lstm_gru.experiment import Experiment, experiment_names, experiments_directory, load_experiment
from lstm_gru.files import read_json, write_text
from lstm_gru.records import plots_directory, recorded, recorded_rates
from lstm_gru.report.benchmark import benchmark_record, overhead, overhead_record, speed, tables
from lstm_gru.report.cells import cell_table
from lstm_gru.report.scaling import scaling_record, scaling_tables
from lstm_gru.report.tables import MISSING, Table, comparison, differences, rates_table, verdicts, versus

BLOCK = re.compile(r"(<!-- table: (?P<name>\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


VERDICTS = (
    "Published figures: reproduced where the difference is at most twice the root of the sum of two squares, the "
    "standard error of the score over the test's {unit}s (bootstrap) and the standard deviation over seeds; else "
    "better or short."
)


def readme_path() -> Path:
    """Return the checkout's README."""
    return experiments_directory().parent / "README.md"


def results_path() -> Path:
    """Return the checkout's ``experiments/RESULTS.md``."""
    return experiments_directory() / "RESULTS.md"


def faults_path() -> Path:
    """Return the checkout's ``experiments/FAULTS.md``."""
    return experiments_directory() / "FAULTS.md"


def benchmark_path() -> Path:
    """Return the checkout's ``experiments/BENCHMARK.md``."""
    return experiments_directory() / "BENCHMARK.md"


def faults_record() -> Path:
    """Return the file of what ``scripts/fault_matrix`` recorded."""
    return experiments_directory() / "faults.json"


def checkpoint_cost_record() -> Path:
    """Return the file of what ``scripts/checkpoint_cost`` recorded."""
    return experiments_directory() / "checkpoint_cost.json"


def translation_speed_record() -> Path:
    """Return the file of what ``scripts/translation_speed`` recorded."""
    return experiments_directory() / "translation_speed.json"


def with_tables(text: str) -> str:
    """Return a text whose table blocks are made anew from the recorded results.

    A block begins with ``<!-- table: EXPERIMENT -->``, or with ``cells`` or ``speed``, and ends with
    ``<!-- end of table -->``.

    Raises:
      InputError: when the text has no block.
    """
    if not BLOCK.search(text):
        raise InputError("README.md: no block '<!-- table: EXPERIMENT --> ... <!-- end of table -->' to fill")
    return BLOCK.sub(lambda match: f"{match[1]}{_table_and_notes(match['name'])}\n{match[3]}", text)


def results() -> str:
    """Return the text of ``experiments/RESULTS.md``."""
    parts = ["# Results", "Made by `lstm-gru report` from the JSON files in `results/`; not edited by hand."]
    parts += [_section(load_experiment(name)) for name in experiment_names()]
    return "\n\n".join([*parts, *_translation_speed()]) + "\n"


def faults() -> str:
    """Return the text of ``experiments/FAULTS.md``."""
    record, cost = read_json(faults_record()), read_json(checkpoint_cost_record())
    rows = tuple((r["fault"], r["cause"], r["happened"], f"{r['seconds']:.1f}") for r in record["faults"])
    seconds = statistics.quantiles(cost["seconds_save"], n=4)
    parts = [
        "# What training survives",
        "Made by `lstm-gru report` from `faults.json`, which `scripts/fault_matrix --record` wrote; not edited by "
        f"hand. {len(rows)} faults, {sum(r['seconds'] for r in record['faults']) / 60:.1f} minutes.",
        Table(("fault", "how it was caused", "what happened", "seconds"), rows, words=3).markdown(),
        f"An asynchronous checkpoint of {cost['parameters']:,} parameters (with the optimiser's moments "
        f"{cost['state_megabytes']:.0f} MB) costs {seconds[1]:.2f} s of training (quartiles {seconds[0]:.2f} and "
        f"{seconds[2]:.2f}, {len(cost['seconds_save'])} saves, steps of {cost['seconds_step']:.2f} s), of which the "
        f"loop waits {cost['seconds_blocked']:.2f} s: {100 * cost['share_at_one_a_minute']:.1f} % of the time at one "
        "save a minute (`scripts/checkpoint_cost`).",
    ]
    return "\n\n".join([*parts, _made_with([record, cost])]) + "\n"


def benchmark() -> str:
    """Return the text of ``experiments/BENCHMARK.md``."""
    record, loop, scaling = (read_json(path()) for path in (benchmark_record, overhead_record, scaling_record))
    versions = {name: version for found in record["versions"].values() for name, version in found.items()}
    parts = [
        "# How fast the layers are",
        "Made by `lstm-gru report` from `benchmark.json`, which `scripts/benchmark --record` wrote; not edited by "
        "hand. Each library in a process of its own, interleaved rounds on an idle machine, float32, the same settings "
        "of the allocator; medians of the rounds' medians, and their range. "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; {record['made_with']['processor']}.",
        *tables(record),
        "## The training loop",
        overhead(loop),
        "## Many devices",
        *scaling_tables(scaling),
    ]
    return "\n\n".join([*parts, _made_with([record, loop, scaling])]) + "\n"


def update_documents() -> dict[Path, bool]:
    """Write the generated documents anew; return for each whether anything changed."""
    old = readme_path().read_text(encoding="utf-8")
    texts = {readme_path(): with_tables(old), results_path(): results(), faults_path(): faults()}
    texts[benchmark_path()] = benchmark()
    changed = {}
    for path, text in texts.items():
        changed[path] = not path.exists() or path.read_text(encoding="utf-8") != text
        if changed[path]:
            write_text(path, text)
    return changed


def _table_and_notes(name: str) -> str:
    if name == "cells":
        return cell_table().markdown()
    if name == "speed":
        return "\n\n".join([*speed(read_json(benchmark_record())), overhead(read_json(overhead_record()))])
    if name == "scaling":
        return "\n\n".join(scaling_tables(read_json(scaling_record())))
    experiment = load_experiment(name)
    table = comparison(experiment, recorded(name)).markdown()
    notes = "\n".join(f"- {note}" for note in experiment.notes)
    return f"**{experiment.title}**: {experiment.data}; {experiment.reproduces}.\n\n{table}\n\n{notes}"


def _section(experiment: Experiment) -> str:
    records = recorded(experiment.name)
    parts = [
        f"## {experiment.name}: {experiment.title}",
        f"Data: {experiment.data}. Reproduces: {experiment.reproduces}.",
        _commands(experiment, records),
        comparison(experiment, records, scores=tuple(experiment.scores)).markdown(),
        *_signatures(records),
        "\n".join(f"- {note}" for note in experiment.notes),
    ]
    if table := verdicts(experiment, records):
        parts += [VERDICTS.format(unit=experiment.unit), table.markdown()]
    parts += _comparisons(experiment, records)
    if table := rates_table(experiment, recorded_rates(experiment.name)):
        parts += [
            f"Learning rates, chosen on validation with seed 0 (`lstm-gru tune {experiment.name}`):",
            table.markdown(),
        ]
    parts += [f"![{caption}](plots/{name})" for name, caption in plot_captions(experiment.name).items()]
    return "\n\n".join([*parts, _made_with(records)])


def _translation_speed() -> list[str]:
    record = read_json(translation_speed_record())
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
        _made_with([record]),
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


def _made_with(records: list[Mapping[str, Any]]) -> str:
    """One line for each environment that recorded something."""
    lines = []
    for record in records:
        made = record["made_with"]
        versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
        line = (
            f"- commit {made['commit']}, {made['cores']} cores, {made['platform']}, Python {made['python']}, {versions}"
        )
        if line not in lines:
            lines.append(line)
    return "Recorded with:\n\n" + "\n".join(lines) if lines else "Nothing recorded yet."
