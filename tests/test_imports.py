"""Imports point down only, and each outside library is known to few files."""

import ast
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "lstm_gru"

# Each room and the rooms it may import from; its own files it may always import.
BELOW = {
    "errors": set(),
    "files": {"errors"},
    "config": {"errors"},
    "task": {"errors"},
    "cells": set(),
    "lengths": set(),
    "inputs": {"cells"},
    "reverse_mode": set(),
    "chunks": set(),
    "inside": {"layers", "recurrent", "cells", "task"},
    "gated": {"inputs", "cells"},
    "recurrent": {"gated", "inputs", "lengths", "reverse_mode", "chunks", "cells"},
    "dropout": {"chunks", "cells"},
    "graph": {"cells"},
    "layers": {"recurrent", "dropout", "lengths", "cells"},
    "attention": set(),
    "decoding": {"errors"},
    "interop": {"layers", "cells"},
    "losses": set(),
    "crf": {"lengths"},
    "metrics": set(),
    "plots": set(),
    "data": {"files", "config", "errors"},
    "baselines": {"data"},
    "retrieval": {"data"},
    "bleu": set(),
    "models": {"layers", "lengths", "attention", "crf", "dropout", "graph", "cells", "config", "errors"},
    "sentence_tagger": {"models", "data"},
    "translator": {"models", "decoding", "data", "config", "errors"},
    "training": {"files", "config", "task", "errors"},
    "tasks": {
        "translator",
        "sentence_tagger",
        "bleu",
        "inside",
        "models",
        "graph",
        "decoding",
        "data",
        "lengths",
        "losses",
        "metrics",
        "plots",
    }
    | {"files", "config", "task", "errors"},
    "experiment": {"metrics", "task", "config", "errors"},
    "pictures": {"experiment", "plots", "training"},
    "records": {"experiment", "files", "errors"},
    "reproduce": {"files", "records", "experiment", "training", "task", "config", "errors"},
    "workers": {"reproduce", "records", "training", "errors"},
    "tuning": {"reproduce", "workers", "records", "experiment", "training", "files"},
    "trained": {"files", "tasks", "translator", "sentence_tagger", "models", "training", "data", "config", "errors"},
    "forecast": {
        "files",
        "tasks",
        "baselines",
        "models",
        "training",
        "data",
        "metrics",
        "plots",
        "config",
        "task",
        "errors",
    },
    "report": {"cells", "inside", "layers", "records", "experiment", "training", "metrics", "files", "errors"},
    "commands": {
        "cells",
        "inside",
        "plots",
        "files",
        "report",
        "forecast",
        "tuning",
        "reproduce",
        "workers",
        "records",
        "experiment",
        "trained",
        "translator",
    }
    | {"sentence_tagger", "models", "tasks", "training", "data", "config", "errors"},
    "cli": {"commands", "training", "errors"},
    "experiments": {
        "experiment",
        "pictures",
        "records",
        "graph",
        "inside",
        "tasks",
        "task",
        "models",
        "data",
        "baselines",
        "metrics",
        "plots",
        "config",
    }
    | {"training", "cli", "translator", "bleu", "retrieval", "files", "errors"},
}
ONLY_IN = {
    "flax": {"models"},
    "orbax": {"training/checkpoint.py"},
    "optax": {"training/loop.py", "training/step.py", "training/optimizer.py", "losses.py"},
    "tyro": {"commands", "config.py", "tasks/translation.py", "tasks/tagging.py"},
    "matplotlib": {"plots"},
    "sentencepiece": {"data/subwords.py"},
    "sacrebleu": {"bleu.py"},
    "rich": {"commands/terminal.py", "training/progress.py", "report/tables.py"},
    "pandas": {"baselines/seasonal.py"},  # For Prophet; else only the tests have it.
    "utilsforecast": set(),  # For the tests alone.
}

files = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "experiments").glob("*.py")])
named = pytest.mark.parametrize("path", files, ids=lambda path: str(path.relative_to(ROOT)))


def room(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "experiments" else parts[1]


def imported(path):
    """All modules a file imports, wherever the statement stands, names from packages included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            whole = node.module == "lstm_gru"
            yield from (f"lstm_gru.{alias.name}" for alias in node.names) if whole else (node.module,)


@named
def test_imports_point_down(path):
    if path.stem == "__init__" and path.parent == PACKAGE:
        assert not list(imported(path))
        return
    here = room(path)
    assert here in BELOW, f"{path.name}: give its room a place in the table above"
    for module in imported(path):
        if module.startswith("lstm_gru."):
            there = module.split(".")[1]
            assert there == here or there in BELOW[here], f"{here} must not import {there}"


@named
def test_outside_libraries_stay_in_their_files(path):
    inside = path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name
    for module in imported(path):
        places = ONLY_IN.get(module.split(".")[0])
        if places is not None:
            assert inside in places or inside.split("/")[0] in places, f"{module} in {inside}"


def test_the_table_has_no_cycle():
    done = set()
    while len(done) < len(BELOW):
        free = {name for name, below in BELOW.items() if name not in done and below <= done}
        assert free, f"cycle among {set(BELOW) - done}"
        done |= free


SCRIPTS = [
    path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file() and b"python3\n" in path.read_bytes()
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_finds_what_it_imports(script, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    assert "main" in runpy.run_path(str(script), run_name="imported")
