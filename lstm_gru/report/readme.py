"""The generated tables inside the README."""

import re
from pathlib import Path

from lstm_gru.errors import InputError
from lstm_gru.experiment import experiments_directory, load_experiment
from lstm_gru.report.tables import comparison
from lstm_gru.reproduce import recorded
from lstm_gru.training.run_directory import write_text

BLOCK = re.compile(r"(<!-- table: (?P<name>\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def readme_path() -> Path:
    """Return the checkout's README."""
    return experiments_directory().parent / "README.md"


def with_tables(text: str) -> str:
    """Return a text whose table blocks are made anew from the recorded results.

    A block begins with ``<!-- table: EXPERIMENT -->`` and ends with ``<!-- end of table -->``.

    Raises:
      InputError: when the text has no block.
    """
    if not BLOCK.search(text):
        raise InputError("README.md: no block '<!-- table: EXPERIMENT --> ... <!-- end of table -->' to fill")
    return BLOCK.sub(lambda match: f"{match[1]}{table_and_notes(match['name'])}\n{match[3]}", text)


def table_and_notes(name: str) -> str:
    """Return an experiment's table from its recorded results, with its title and notes, in Markdown."""
    experiment = load_experiment(name)
    table = comparison(experiment, recorded(name)).markdown()
    notes = "\n".join(f"- {note}" for note in experiment.notes)
    return f"**{experiment.title}** — {experiment.data}; {experiment.reproduces}.\n\n{table}\n\n{notes}"


def update_readme() -> bool:
    """Write the README's tables anew; return whether anything changed."""
    path = readme_path()
    old = path.read_text(encoding="utf-8")
    new = with_tables(old)
    if new != old:
        write_text(path, new)
    return new != old
