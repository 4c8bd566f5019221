"""Every command of the README, in its smoke form: the same command, made short by options, files and settings."""

import gzip
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FEW = "--train.steps 2 --train.evaluate-every 2 --train.warmup-steps 0"
SMALL = f"{FEW} --text.vocabulary-size 300 --text.shapes 1 --search.beam 2"
MINE = "--src train.de --trg train.en --most-scored 2"
PAIRS, WORDS = 40, ("ein", "hund", "spielt", "im", "schnee", "und", "sie", "ruft")

# Each command of the text, with what makes it short: options after it, or what takes its place.
SHORT = {
    "./scripts/run": None,  # Installs: see the test of the scripts.
    "./scripts/test": None,
    "lstm-gru list": "",
    "lstm-gru train page_views --variant lstm --seed 1": FEW,
    "lstm-gru train page_views --variant lstm --model.depth 2 --run-dir runs/deeper": FEW,
    "lstm-gru reproduce page_views": "--smoke",
    "lstm-gru reproduce page_views --variants gru --unrecorded": "--smoke",
    "lstm-gru tune page_views": "--unrecorded",
    "lstm-gru evaluate runs/page_views/lstm/seed-1": "",
    "lstm-gru gates runs/page_views/lstm/seed-1": "",
    "lstm-gru translate runs/multi30k/bigru_attention/seed-0 text.de": "",
    "lstm-gru tag runs/danish_tags/bilstm/seed-0 text.da": "",
    "lstm-gru forecast --data my.csv --time-column t --value-column y --horizon 24": "",
    "lstm-gru report": "",
    "lstm-gru forecast --data load.csv --time-column hour --value-column load --horizon 24": "",
    "lstm-gru forecast --data shop.csv.gz --time-column day --value-column visits,orders --exogenous price "
    "--horizon 14 --cell all": "",
    "lstm-gru forecast forecast/gru --data newer.csv": "",
    'echo "Ein Hund spielt im Schnee." | lstm-gru translate runs/multi30k/bigru_attention/seed-0 --scores '
    "--attention attention.png": "",
    "lstm-gru train multi30k --variant bigru_attention --src train.de --trg train.en --run-dir runs/mine": SMALL,
    "lstm-gru train multi30k --variant transformer --tsv train.tsv --valid-tsv valid.tsv --test-tsv test.tsv "
    "--run-dir runs/mine-too": SMALL,
    "lstm-gru tag --train train.tsv --dev dev.tsv --test test.tsv": "",
    'echo "En hund sover ." | lstm-gru tag tagger': "",
    "lstm-gru train multi30k --variant bigru_attention": f"{MINE} {SMALL} --run-dir runs/all",
    "JAX_NUM_CPU_DEVICES=8 lstm-gru train page_views --variant lstm": f"{FEW} --run-dir runs/eight",
    "lstm-gru train multi30k --variant bigru_attention --split-matrices 4": f"{MINE} {SMALL} --run-dir runs/split",
    "lstm-gru train multi30k --coordinator node1:1234 --processes 2 --process 0": "--help",  # Tried in test_processes.
    'srun lstm-gru train multi30k --variant bigru_attention --cluster --run-dir "$SCRATCH/runs/bigru"': "--help",
}


def commands():
    """All lines of the README's shell blocks, without remarks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [re.sub(r"\s+# .*", "", line) for line in lines if line and not line.startswith("#")]


def test_every_command_of_the_text_has_its_short_form_here():
    assert commands() == list(SHORT)


@pytest.mark.parametrize(
    ("script", "called"),
    [
        ("run", "-m lstm_gru.cli reproduce page_views --seeds 1 --smoke"),
        ("reproduce_all", "-m lstm_gru.cli reproduce all --smoke"),
        ("test", "-m pytest -n 2 --dist loadfile --no-loadscope-reorder --smoke"),
    ],
)
def test_scripts_hand_their_arguments_on_to_the_environment_that_they_prepared(script, called, tmp_path):
    """Once with an interpreter that only writes down what it is asked for, in a checkout that is ready."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >>"$0.log"\n')
    python.chmod(0o755)
    done = subprocess.run(
        [tmp_path / "scripts" / script, "--smoke"], cwd="/", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    asked = Path(f"{python}.log").read_text().splitlines()
    assert asked[-1] == called
    assert any("pip install" in line and f"{tmp_path}" in line for line in asked)
    subprocess.run([tmp_path / "scripts" / script, "--smoke"], cwd="/", check=True)
    again = Path(f"{python}.log").read_text().splitlines()[len(asked) :]
    assert again[-1] == called
    assert not any("pip install" in line for line in again)  # Once for each state of the requirements.


def put_files(folder):
    """What a reader of the README has: series, pairs, tagged sentences."""
    hours = [f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00,{10 + n % 24}" for n in range(24 * 20)]
    for name, heading in (("my.csv", "t,y"), ("load.csv", "hour,load"), ("newer.csv", "hour,load")):
        (folder / name).write_text("\n".join([heading, *hours]) + "\n")
    days = [date(2024, 1, 1) + timedelta(n) for n in range(240)]
    rows = [f"{day},{100 + n % 7},{10 + n % 5},{3 + n % 3}" for n, day in enumerate(days)]
    with gzip.open(folder / "shop.csv.gz", "wt") as file:
        file.write("\n".join(["day,visits,orders,price", *rows]) + "\n")
    sentences = [" ".join(WORDS[(n + k) % 8] for k in range(3 + n % 4)) + f" {n}" for n in range(PAIRS)]
    (folder / "train.de").write_text("\n".join(sentences) + "\n")
    (folder / "train.en").write_text("\n".join(s.upper() for s in sentences) + "\n")
    tagged = "\n\n".join("\n".join(f"{word}\t{word.isdigit()}" for word in s.split()) for s in sentences) + "\n\n"
    for name in ("train", "dev", "test"):
        (folder / f"{name}.tagged").write_text(tagged)
    for name in ("train", "valid", "test"):
        (folder / f"{name}.pairs").write_text("".join(f"{s}\t{s.upper()}\n" for s in sentences))
    for name in ("text.de", "text.da"):
        (folder / name).write_text("a b c 1\n")


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="the text's commands are those of a Unix shell")
def test_every_command_of_the_text_runs_in_its_short_form(tmp_path):
    put_files(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SCRATCH": str(tmp_path)}

    def run(command):
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"

    translator = "--variant bigru_attention --run-dir runs/multi30k/bigru_attention/seed-0"
    run(f"lstm-gru train multi30k {translator} {MINE} {SMALL}")
    run("for name in train dev test; do cp $name.tagged $name.tsv; done")
    run("lstm-gru tag --train train.tsv --dev dev.tsv --test test.tsv --out runs/danish_tags/bilstm/seed-0")
    for command, options in SHORT.items():
        if options is None:
            continue
        if "mine-too" in command:
            run("for name in train valid test; do cp $name.pairs $name.tsv; done")
        if command.startswith("lstm-gru tag --train"):
            run("for name in train dev test; do cp $name.tagged $name.tsv; done")
        if "shop.csv.gz" in command:
            options += " --out shop"
        if "my.csv" in command:
            options += " --out mine"
        devices = "JAX_NUM_CPU_DEVICES=4 " if "--split-matrices 4" in command else ""
        run(f"{devices}{command.removeprefix('srun ')} {options}")
