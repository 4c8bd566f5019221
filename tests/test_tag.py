"""The command that tags: what it reads, what it writes, and what it refuses; and that it trains on one's own files."""

import functools
import shutil
import sys
from pathlib import Path

import pytest
from test_tagging import MODEL, TRAIN, put

from lstm_gru import cli
from lstm_gru.commands import tag as module
from lstm_gru.data.tagged_corpora import TaggedCorpusConfig
from lstm_gru.models.tagger import TaggerConfig
from lstm_gru.tasks.tagging import TaggingConfig, tagging
from lstm_gru.training.loop import fit

SENTENCES = ("ab", "ba", "aba", "aaa", "bab", "abba", "baab")  # A word is a letter.


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {split: put(folder / split, SENTENCES * 6) for split in ("train", "dev", "test")}


@pytest.fixture(scope="module")
def run(files, tmp_path_factory):
    """A run that has learned those sentences."""
    data = TaggedCorpusConfig(train_file=files["train"], valid_file=files["dev"], test_file=files["test"])
    config, run = TaggingConfig(MODEL, data, TRAIN, tokens_per_batch=64), tmp_path_factory.mktemp("tag") / "run"
    fit(tagging(config, {}), config.train, run, plain=True)
    return run


@pytest.fixture
def answer(run, tmp_path, monkeypatch, capsys):
    """Tag a text from standard input: ``(text, options) -> (exit code, output, standard error)``."""

    def answered(text, *options, run=run):
        (tmp_path / "input").write_bytes(text if isinstance(text, bytes) else text.encode())
        with (tmp_path / "input").open(encoding="utf-8") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            code = cli.main(["tag", str(run), *options])
        out, err = capsys.readouterr()
        return code, out, err

    capsys.readouterr()
    return answered


def words_of(out):
    """The words of each block; checks that each has a tag that the run knows."""
    blocks = [block.split("\n") for block in out.split("\n\n")[:-1]]
    rows = [[line.split("\t") for line in block if line] for block in blocks]
    assert all(tag in ("between", "other") for row in rows for _, tag in row)
    return [[word for word, _ in row] for row in rows]


def test_a_line_is_a_sentence_and_a_block_of_output(answer):
    code, out, _ = answer("a b a\nb  never\tseen å\n")
    assert code == 0
    assert out.split("\n\n")[0] == "a\tother\nb\tbetween\na\tother"
    assert words_of(out) == [["a", "b", "a"], ["b", "never", "seen", "å"]]


def test_an_empty_line_is_a_block_without_words(answer):
    _, out, _ = answer("a\n\nb b\n")
    lines = out.split("\n")
    assert [line.split("\t")[0] for line in lines] == ["a", "", "", "b", "b", "", ""]


@pytest.mark.parametrize("text", ["a\nb\na\n\nb\na\n", "a\tX\nb\tY\na\tX\n\n\nb\tX\na\tX\n\n", None])
def test_columns_are_read_up_to_a_blank_line(answer, text):
    rest = "\t_" * 8
    conllu = (
        f"# text = a b a\n1-2\tab{rest}\n1\ta{rest}\n2\tb{rest}\n2.1\tc{rest}\n3\ta{rest}\n\n1\tb{rest}\n2\ta{rest}\n"
    )
    _, out, _ = answer(text or conllu, "--columns")
    assert words_of(out) == [["a", "b", "a"], ["b", "a"]]


def test_a_word_alone_may_begin_with_a_number_sign(answer):
    _, out, _ = answer("#ab\n#\na\n", "--columns")
    assert words_of(out) == [["#ab", "#", "a"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\tX\n\nb\n", "line 3 has 1 column; expected 2 separated by tabs, as before"),
        ("a\tb\tc\n", "line 1 has 3 columns; expected word TAB tag"),
        ("a\tX\n\tY\n", "line 2: its word is empty"),
    ],
)
def test_columns_that_do_not_fit_are_named(answer, text, words):
    code, _, err = answer(text, "--columns")
    assert code == 2
    assert f"standard input: {words}" in err


def test_a_file_is_tagged_as_standard_input_is_and_words_are_composed(run, answer, tmp_path, capsys):
    text = "a b\na\u030a b a\n" * 700  # More than is tagged at once.
    _, out, _ = answer(text)
    (tmp_path / "text").write_text(text)
    assert cli.main(["tag", str(run), str(tmp_path / "text")]) == 0
    assert capsys.readouterr().out == out
    assert words_of(out) == [["a", "b"], ["å", "b", "a"]] * 700


def test_what_is_tagged_comes_before_a_line_that_cannot_be_read(answer):
    code, out, err = answer(b"a b\n\xff\n")
    assert (code, words_of(out)) == (2, [["a", "b"]])
    assert "standard input: line 2, byte 1: 0xff is not UTF-8 here" in err


def test_a_tagger_is_trained_on_ones_own_files_and_tags(files, tmp_path, monkeypatch, capsys):
    small = functools.partial(TaggerConfig, features=4, word_features=4, character_features=0)
    monkeypatch.setattr(module, "TaggerConfig", small)
    monkeypatch.setattr(module, "EPOCHS", 2)
    (tmp_path / "odd").write_text("a\tother\nb\tODD\n")
    out, train = tmp_path / "mine", tmp_path / "train"
    train.write_text("a\tother\n" * 600 + "\n" + Path(files["train"]).read_text())  # One longer than a usual batch.
    command = ["tag", "--train", str(train), "--dev", files["dev"], "--test", str(tmp_path / "odd"), "--crf"]
    assert cli.main([*command, "--out", str(out)]) == 0
    shown, said = capsys.readouterr()
    assert "odd: tags that no training sentence has, counted as wrong: ODD (1)" in said
    assert "the longest sentence has 600 words: batches of 1024 positions" in said
    assert "accuracy (%)" in shown
    assert shown.endswith(f"{out}\n")
    (tmp_path / "text").write_text("a b\n")
    assert cli.main(["tag", str(out), str(tmp_path / "text")]) == 0
    assert words_of(capsys.readouterr().out) == [["a", "b"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--train and --dev: missing; expected both to train, or RUN to tag with"),
        (["--train", "a.tsv"], "--dev: missing; expected both"),
        (["run", "--dev", "a.tsv"], "--dev beside RUN; expected either"),
        (["run", "--crf"], "--crf beside RUN; expected either"),
        (["--columns", "--train", "a", "--dev", "b"], "--columns without RUN; expected a run that tags"),
        (["--train", "none.tsv", "--dev", "none.tsv"], "none.tsv: cannot be read (No such file or directory)"),
        (["--train", "a", "--dev", "b", "--seed", "-1"], "--seed = -1; expected at least 0"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments, words, capsys):
    assert cli.main(["tag", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: (run / "vocabulary.json").unlink(), "no vocabulary.json"),
        (lambda run: (run / "vocabulary.json").write_text("{}"), "damaged"),
        (
            lambda run: (run / "vocabulary.json").write_text(
                (run / "vocabulary.json").read_text().replace("between", "beside")
            ),
            "vocabulary.json: damaged, its SHA-256 is not the one in config.json",
        ),
        (lambda run: (run / "scores.json").unlink(), "no scores.json, so it is not finished"),
        (lambda run: (run / "config.json").write_text("[]"), "config.json describes no tagging"),
        (lambda run: (run / "config.json").unlink(), "no config.json"),
    ],
)
def test_a_run_that_is_damaged_or_another_is_refused(run, answer, tmp_path, damage, words):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    damage(copy)
    code, out, err = answer("a b\n", run=copy)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
