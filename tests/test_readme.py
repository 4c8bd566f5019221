"""The README: its tables are those of the recorded results, and its code runs."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace

import jax
import jax.numpy as jnp
import pytest
from faults import FAULTS

from lstm_gru import cli
from lstm_gru.config import flatten, from_settings
from lstm_gru.errors import InputError
from lstm_gru.experiment import experiment_names, load_experiment
from lstm_gru.records import (
    best_rate,
    close_rates,
    plots_directory,
    record_path,
    recorded,
    recorded_rates,
    results_directory,
    script_record,
)
from lstm_gru.recurrent import unroll
from lstm_gru.report.claim_list import CLAIMS
from lstm_gru.report.claims import claims_document, findings_of, verdict
from lstm_gru.report.documents import (
    BLOCK,
    benchmark,
    document_path,
    faults,
    readme_path,
    with_tables,
)
from lstm_gru.report.results import plot_captions, results

TEXT = readme_path().read_text(encoding="utf-8")
RECORDED = [name for name in experiment_names() if recorded(name) or recorded_rates(name)]
of_every_experiment = pytest.mark.parametrize("name", RECORDED)


def test_tables_are_those_of_the_recorded_results():
    assert with_tables(TEXT) == TEXT, "run: lstm-gru report"
    assert document_path("RESULTS").read_text(encoding="utf-8") == results(), "run: lstm-gru report"
    assert document_path("CLAIMS").read_text(encoding="utf-8") == claims_document(CLAIMS), "run: lstm-gru report"


# Verdicts that "Which one, then?" rests on, by the number of the claim.
RESTS_ON = {
    4: "depends",
    6: "holds",
    7: "depends",
    8: "depends",
    10: "depends",
    11: "depends",
    12: "depends",
    13: "depends",
}
RESTS_ON |= {14: "holds", 15: "depends", 16: "depends", 17: "depends", 18: "depends", 19: "depends"}


def test_what_the_readme_recommends_rests_on_the_verdicts_there_are():
    found = {number: verdict(claim, findings_of(claim)) for number, claim in enumerate(CLAIMS, start=1)}
    message = "a verdict has changed: read the README's 'Which one, then?' again"
    assert {number: found[number] for number in RESTS_ON} == RESTS_ON, message
    section = re.search(r"### Which one, then\?(.*?)\n###", TEXT, re.DOTALL)[1]
    named = re.findall(r"[( ](\d[\d, ]*)\)", section)
    assert {int(number) for numbers in named for number in numbers.split(", ")} == set(RESTS_ON)


def test_the_table_of_faults_is_the_recorded_one_and_has_them_all():
    assert document_path("FAULTS").read_text(encoding="utf-8") == faults(), "run: lstm-gru report"
    recorded_rows = json.loads(script_record("fault_matrix").read_text())["faults"]
    expected = [(fault.name, fault.cause) for fault in FAULTS]
    assert [(row["fault"], row["cause"]) for row in recorded_rows] == expected, "run: scripts/fault_matrix --record"
    assert not any("NOT SURVIVED" in row["happened"] or "not caused" in row["happened"] for row in recorded_rows)


def test_the_document_of_the_benchmark_is_the_recorded_one():
    assert document_path("BENCHMARK").read_text(encoding="utf-8") == benchmark(), "run: lstm-gru report"


def test_a_stale_number_is_noticed():
    number = re.search(r"\d\.\d{3} ± \d\.\d{3}", BLOCK.search(TEXT)[0])[0]
    stale = TEXT.replace(number, "0.123 ± 0.456", 1)
    assert with_tables(stale) == TEXT


def test_the_layout_names_everything():
    layout = TEXT.partition("## Layout")[2].partition("\n## ")[0]
    rooms = [path for path in (readme_path().parent / "lstm_gru").iterdir() if not path.name.startswith("_")]
    names = {f"{path.name}/" if path.is_dir() else path.name for path in rooms}
    assert {name for name in names | {"experiments/", "scripts/", "tests/"} if name not in layout} == set()


def test_a_text_without_tables_is_refused():
    with pytest.raises(InputError, match="no block"):
        with_tables("# Nothing")
    with pytest.raises(InputError, match=r"an unknown one \(summery\); expected .* with summary or claims"):
        with_tables("<!-- table: summery -->\n<!-- end of table -->")


@pytest.mark.parametrize("path", sorted(results_directory().glob("*.json")), ids=lambda path: path.stem)
def test_every_record_is_complete_and_in_its_place(path):
    record = json.loads(path.read_text())
    experiment = load_experiment(record["experiment"])
    assert record_path(record) == path
    assert not record["made_with"]["commit"].endswith("+changes"), "recorded from uncommitted code"
    if "rates" in record:
        assert record["variant"] in experiment.variants
        assert len(record["rates"]) > 1
        return
    assert record["scores"]
    assert set(record["scores"]) <= set(experiment.scores)
    on_demand = "variant" in record and experiment.seeds_of(record["variant"]) == 0  # It may have a column of its own.
    assert experiment.ranking in record["scores"] or on_demand


@of_every_experiment
def test_every_variant_has_the_learning_rate_that_was_best_on_validation(name):
    experiment = load_experiment(name)
    grids = {record["variant"]: record for record in recorded_rates(name)}  # Those of whole runs come last.
    for variant, record in grids.items():
        assert experiment.config(variant).train.learning_rate == float(best_rate(record))


@of_every_experiment
def test_rates_that_are_close_in_short_runs_are_compared_in_whole_ones(name):
    experiment = load_experiment(name)
    whole = {record["variant"]: set(record["rates"]) for record in recorded_rates(name) if record.get("whole")}
    for record in recorded_rates(name):
        config, close = experiment.config(record["variant"]), set(close_rates(record, experiment.close))
        if not record.get("whole") and len(close) > 1 and experiment.trial(config) != config:
            assert whole.get(record["variant"]) == close


@of_every_experiment
def test_configurations_come_back_from_json(name):
    """They are hashed, too: tasks of one configuration share what is compiled."""
    for config in load_experiment(name).variants.values():
        again = from_settings(type(config), json.loads(json.dumps(asdict(config))))
        assert hash(again) == hash(config)
        assert again == config


@of_every_experiment
def test_recorded_runs_have_the_configuration_of_their_variant(name):
    """A field that is newer than a record must have its default, which is what the record was made with."""
    experiment = load_experiment(name)
    for record in recorded(name):
        if "config" in record:
            config = experiment.config(record["variant"])
            seeded = replace(config, train=replace(config.train, seed=record["seed"]))
            now = dict(flatten(json.loads(json.dumps(asdict(seeded)))))  # With lists for tuples, as in the file.
            then = dict(flatten(record["config"]))
            assert then == {field: now.get(field) for field in then}
            default = dict(flatten(json.loads(json.dumps(asdict(type(config)())))))
            assert all(now[field] == default[field] for field in now.keys() - then.keys())


def test_recorded_plots_are_those_that_have_a_caption():
    files = sorted(plots_directory().glob("*.png"))
    assert {file.name for file in files} == {file for name in RECORDED for file in plot_captions(name)}
    assert all(file.stat().st_size > 10_000 for file in files)


def test_every_variant_has_at_least_three_recorded_seeds():
    counted = Counter(record.get("variant") for record in recorded("page_views"))
    assert all(counted[variant] >= 3 for variant in load_experiment("page_views").variants)


BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_python_blocks_run():
    assert len(BLOCKS) == 3
    names = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)
    assert names["logits"].shape == (4, 20, 5)
    cell = names["ugrnn"](4)
    params = cell.init(jax.random.key(0), in_features=3)
    assert unroll(cell, params, jnp.ones((2, 5, 3))).outputs.shape == (2, 5, 4)


@pytest.mark.long
def test_contract_tests_pick_up_the_cell_of_the_text(tmp_path):
    """The README's function and one line in `CELLS`, nothing else edited."""
    line = "from lstm_gru.cells import CELLS\nCELLS['ugrnn'] = ugrnn\n"
    (tmp_path / "added_cell.py").write_text("import jax, jax.numpy as jnp\n" + BLOCKS[-1] + line, encoding="utf-8")
    options = [
        "-q",
        "-p",
        "added_cell",
        "-p",
        "no:cacheprovider",
        "-k",
        "ugrnn",
        "tests/test_cells.py",
        "tests/test_recurrent.py",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=readme_path().parent,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 20


def test_commands_named_in_the_text_exist():
    used = set(re.findall(r"lstm-gru (\w+)", TEXT))
    assert used == set(cli.COMMANDS)


def test_pictures_and_files_that_are_linked_exist():
    linked = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(linked) >= 10
    assert all((readme_path().parent / path).exists() for path in linked)
