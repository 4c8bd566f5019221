"""The README: its tables are those of the recorded results, and its code runs."""

import json
import re

import pytest

from lstm_gru import cells, cli, recurrent
from lstm_gru.errors import InputError
from lstm_gru.experiment import load_experiment
from lstm_gru.report.readme import BLOCK, readme_path, with_tables
from lstm_gru.reproduce import record_path, recorded, results_directory

TEXT = readme_path().read_text(encoding="utf-8")


def test_tables_are_those_of_the_recorded_results():
    assert with_tables(TEXT) == TEXT, "run: lstm-gru report"


def test_a_stale_number_is_noticed():
    number = re.search(r"\d\.\d{3} ± \d\.\d{3}", BLOCK.search(TEXT)[0])[0]
    stale = TEXT.replace(number, "0.123 ± 0.456", 1)
    assert with_tables(stale) == TEXT


def test_a_text_without_tables_is_refused():
    with pytest.raises(InputError, match="no block"):
        with_tables("# Nothing")


@pytest.mark.parametrize("path", sorted(results_directory().glob("*.json")), ids=lambda path: path.stem)
def test_every_record_is_complete_and_in_its_place(path):
    record = json.loads(path.read_text())
    experiment = load_experiment(record["experiment"])
    assert record_path(record) == path
    assert set(record["scores"]) == set(experiment.scores)
    assert not record["made_with"]["commit"].endswith("+changes"), "recorded from uncommitted code"
    assert record.get("variant", record.get("baseline"))


def test_every_variant_has_at_least_three_recorded_seeds():
    seeds = {variant: 0 for variant in load_experiment("page_views").variants}
    for record in recorded("page_views"):
        if "variant" in record:
            seeds[record["variant"]] += 1
    assert min(seeds.values()) >= 3


def test_python_blocks_run():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    names = {**vars(cells)}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    cell = names["mgu"](5)
    params = cell.init(names["jax"].random.key(0), 3)
    assert recurrent.unroll(cell, params, names["jnp"].ones((2, 4, 3))).outputs.shape == (2, 4, 5)


def test_commands_named_in_the_text_exist():
    used = set(re.findall(r"lstm-gru (\w+)", TEXT))
    assert used <= set(cli.COMMANDS)
    assert used >= {"list", "train", "reproduce", "report"}
