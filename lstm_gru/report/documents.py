"""The generated documents: the README's tables, and RESULTS, CLAIMS, FAULTS and BENCHMARK.md in experiments/.

All are made from recorded results only, so that the same records give the same text.
"""

import re
import statistics
from collections.abc import Callable
from pathlib import Path

from lstm_gru.errors import InputError
from lstm_gru.experiment import experiments_directory
from lstm_gru.files import write_text
from lstm_gru.records import script_result
from lstm_gru.report.benchmark import overhead, speed, tables
from lstm_gru.report.claim_list import CLAIMS
from lstm_gru.report.claims import claims_document, claims_table
from lstm_gru.report.results import made_with, results
from lstm_gru.report.scaling import scaling_tables
from lstm_gru.report.summary import summary
from lstm_gru.report.tables import Table

IN_SHORT = (
    "Ratios of times in one run, geometric mean over the shapes and in brackets the largest; below 1 this library is "
    "faster. JAX is the fastest of Flax Linen, Flax NNX, Haiku and Keras on each shape; training is a forward and a "
    "backward pass with the gradients of parameters and inputs; memory is that of temporaries, against the least of "
    "the four. Then the cells over the LSTM, and in brackets the range over the shapes."
)
WHY = """Where it comes from: input products for all steps at once, one product a step each way, weight gradients as
single products afterwards, and activations kept instead of computed again, written over the input's share of the
pre-activations (`lstm_gru/gated.py`). What PyTorch's LSTM has ahead on the CPU is one fused kernel on all cores, where
XLA runs a step's pointwise work on one; half of a step and more is that on narrow layers (the profile below). With the
batch spread over as many host devices as cores (`JAX_NUM_CPU_DEVICES`, `jax.shard_map`) more than half of it is made
up. `recurrent(cell, lean=True)` keeps what grows as √T and reads the sequence again in the backward pass, for about
half as much time again, at batch 1 more than twice as much; short sequences need more memory that way, not less."""
BLOCKS: dict[str, Callable[[], Table]] = {"summary": summary, "claims": lambda: claims_table(CLAIMS)}
BLOCK = re.compile(r"(<!-- table: (?P<name>\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def readme_path() -> Path:
    """Return the checkout's README."""
    return experiments_directory().parent / "README.md"


def document_path(name: str) -> Path:
    """Return the checkout's ``experiments/NAME.md``."""
    return experiments_directory() / f"{name}.md"


def with_tables(text: str) -> str:
    """Return a text whose table blocks are made anew from the recorded results.

    A block begins with ``<!-- table: NAME -->``, one of `BLOCKS`, and ends with ``<!-- end of table -->``.

    Raises:
      InputError: when the text has no block, or one of another name.
    """
    names = [match["name"] for match in BLOCK.finditer(text)]
    if not names or not set(names) <= set(BLOCKS):
        raise InputError(
            f"README.md: no block or an unknown one ({', '.join(names)}); expected '<!-- table: NAME --> ... "
            f"<!-- end of table -->' with {' or '.join(BLOCKS)}"
        )
    return BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match['name']]().markdown()}\n{match[3]}", text)


def faults() -> str:
    """Return the text of ``experiments/FAULTS.md``."""
    record, cost = (script_result(name) for name in ("fault_matrix", "checkpoint_cost"))
    rows = tuple((r["fault"], r["cause"], r["happened"], f"{r['seconds']:.1f}") for r in record["faults"])
    seconds = statistics.quantiles(cost["seconds_save"], n=4)
    parts = [
        "# What training survives",
        "Made by `lstm-gru report` from `fault_matrix.json`, which `scripts/fault_matrix --record` wrote; not edited "
        f"by hand. {len(rows)} faults, {sum(r['seconds'] for r in record['faults']) / 60:.1f} minutes.",
        Table(("fault", "how it was caused", "what happened", "seconds"), rows, words=3).markdown(),
        f"An asynchronous checkpoint of {cost['parameters']:,} parameters (with the optimiser's moments "
        f"{cost['state_megabytes']:.0f} MB) costs {seconds[1]:.2f} s of training (quartiles {seconds[0]:.2f} and "
        f"{seconds[2]:.2f}, {len(cost['seconds_save'])} saves, steps of {cost['seconds_step']:.2f} s), of which the "
        f"loop waits {cost['seconds_blocked']:.2f} s: {100 * cost['share_at_one_a_minute']:.1f} % of the time at one "
        "save a minute (`scripts/checkpoint_cost`).",
    ]
    return "\n\n".join([*parts, made_with([record, cost])]) + "\n"


def benchmark() -> str:
    """Return the text of ``experiments/BENCHMARK.md``."""
    record, loop, scaling = (script_result(name) for name in ("benchmark", "loop_overhead", "scaling"))
    versions = {name: version for found in record["versions"].values() for name, version in found.items()}
    parts = [
        "# How fast the layers are",
        "Made by `lstm-gru report` from `benchmark.json`, which `scripts/benchmark --record` wrote; not edited by "
        "hand. Each library in a process of its own, interleaved rounds on an idle machine, float32, the same settings "
        "of the allocator; medians of the rounds' medians, and their range. "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; {record['made_with']['processor']}.",
        "## In short",
        IN_SHORT,
        *speed(record),
        WHY,
        "## Everything",
        *tables(record),
        "## The training loop",
        overhead(loop),
        "## Many devices",
        *scaling_tables(scaling),
    ]
    return "\n\n".join([*parts, made_with([record, loop, scaling])]) + "\n"


def update_documents() -> dict[Path, bool]:
    """Write the generated documents anew; return for each whether anything changed."""
    old = readme_path().read_text(encoding="utf-8")
    made = {"RESULTS": results(), "CLAIMS": claims_document(CLAIMS), "FAULTS": faults(), "BENCHMARK": benchmark()}
    texts = {readme_path(): with_tables(old)} | {document_path(name): text for name, text in made.items()}
    changed = {}
    for path, text in texts.items():
        changed[path] = not path.exists() or path.read_text(encoding="utf-8") != text
        if changed[path]:
            write_text(path, text)
    return changed
