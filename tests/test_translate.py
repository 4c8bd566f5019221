"""The command that translates: what it reads, in which order it answers, and what it refuses."""

import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import matplotlib.image
import pytest

from lstm_gru import cli
from lstm_gru.commands import lines, terminal, translate
from lstm_gru.config import TrainConfig
from lstm_gru.data.corpora import CorpusConfig
from lstm_gru.models.seq2seq import Seq2SeqConfig
from lstm_gru.tasks.translation import RecurrentTranslation, TextConfig, translation
from lstm_gru.trained import load_translator
from lstm_gru.training.loop import fit
from lstm_gru.translator import SearchConfig

WORDS = {"hund": "dog", "katze": "cat", "maus": "mouse", "schläft": "sleeps", "liest": "reads", "sieht": "sees"}
SENTENCES = ["hund sieht maus", "katze schläft", "maus liest hund"]  # Short: all are compiled for the same width.
LONG = "hund liest maus sieht katze schläft " * 400


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has learned some translations word by word."""
    folder = tmp_path_factory.mktemp("translate")
    texts = [" ".join(words) for words in itertools.product(WORDS, repeat=3)]
    sides = {"src": texts, "trg": [" ".join(map(WORDS.get, sentence.split())) for sentence in texts]}
    files = {f"{split}{side}": folder / f"{split}{side}" for split in ("", "valid_", "test_") for side in sides}
    for name, path in files.items():
        sentences = sides[name[-3:]] if name in sides else sides[name[-3:]][:3]
        path.write_text("\n".join(sentences), encoding="utf-8")
    config = RecurrentTranslation(
        Seq2SeqConfig(embedding=16, encoder_features=16, features=16, bidirectional=False, dropout=0.0),
        CorpusConfig(**{name: str(path) for name, path in files.items()}),
        TextConfig(vocabulary_size=310, tokens_per_batch=256, shapes=1),
        SearchConfig(beam=2),
        TrainConfig(steps=200, evaluate_every=200, log_every=50, learning_rate=0.03),
    )
    fit(translation(config, {}), config.train, folder / "run", plain=True)
    return folder / "run"


@pytest.fixture
def answer(run, tmp_path, monkeypatch, capsys):
    """Translate bytes from standard input: ``(bytes, options) -> (exit code, lines of output, standard error)``."""

    def answered(content, *options, run=run):
        path = tmp_path / "input"
        path.write_bytes(content)
        with path.open(encoding="utf-8") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            code = cli.main(["translate", str(run), *options])
        out, err = capsys.readouterr()
        return code, out.split("\n"), err

    capsys.readouterr()
    return answered


def text(*sentences):
    return "".join(f"{sentence}\n" for sentence in sentences).encode()


def refused(answered):
    """The one sentence of a refusal, before which nothing was printed."""
    code, out, err = answered
    assert (code, out) == (2, [""])
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_every_line_has_its_translation_in_its_place(answer, run):
    content = text("", *SENTENCES, " \t\r", LONG) + SENTENCES[0].encode() + b"\r"
    code, (*out, end), err = answer(content, "--beam", "1")
    assert (code, end, err) == (0, "", "")
    assert len(out) == 7
    assert out[0] == out[4] == ""
    assert out[1] == out[6] == "dog sees mouse"
    assert len({*out[1:4]}) == 3
    assert len(out[5].split()) > 50
    direct = load_translator(run).translate(SENTENCES, SearchConfig(beam=1))
    assert out[1:4] == [best.text for (best,) in direct]


def test_a_file_and_a_byte_order_mark_make_no_difference(answer, tmp_path):
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbf" + text(*SENTENCES))
    expected = answer(text(*SENTENCES))
    assert answer(b"not read", str(tmp_path / "text")) == expected
    marked = answer(text("\ufeff", SENTENCES[0]))
    assert marked[1] == ["", expected[1][0], ""]


def test_translations_do_not_depend_on_how_lines_arrive(answer, monkeypatch):
    sentences = [f"{sentence} {word}" for sentence in SENTENCES for word in WORDS]
    together = answer(text(*sentences), "--scores")
    monkeypatch.setattr(lines, "MOST", 5)
    assert answer(text(*sentences), "--scores") == together
    monkeypatch.setattr(lines, "MOST", 1)
    assert answer(text(*sentences[:3], "", *sentences[3:]), "--scores")[1] == [
        *together[1][:3], "0.0000\t", *together[1][3:]
    ]  # fmt: skip


def test_the_search_is_that_of_the_run_or_what_is_asked_for(answer, run):
    translator = load_translator(run)
    for options, search in [((), SearchConfig(beam=2)), (("--beam", "1"), SearchConfig(beam=1))]:
        expected = [f"{best.score:.4f}\t{best.text}" for (best,) in translator.translate(SENTENCES, search)]
        assert answer(text(*SENTENCES), "--scores", *options)[1][:-1] == expected


def test_n_best_are_always_n_with_the_number_of_their_line(answer, run):
    options = ("--beam", "3", "--length-penalty", "0", "--n-best", "3")
    _, (*out, _), _ = answer(text(SENTENCES[0], "", SENTENCES[1]), *options, "--scores")
    found = load_translator(run).translate(SENTENCES[:2], SearchConfig(beam=3, length_penalty=0), n_best=3)
    rows = [[f"{score:.4f}", translated] for ranked in found for translated, score in ranked]
    empty = [["0.0000", ""], ["-inf", ""], ["-inf", ""]]
    numbered = zip("111222333", [*rows[:3], *empty, *rows[3:]], strict=True)
    assert out == ["\t".join([number, *row]) for number, row in numbered]
    assert float(rows[0][0]) > float(rows[2][0])
    best = [found[0].text for found in load_translator(run).translate(SENTENCES, SearchConfig(beam=1))]
    numbered = [f"{number}\t{translated}" for number, translated in enumerate(best, 1)]
    assert answer(text(*SENTENCES), "--beam", "1", "--n-best", "1")[1] == [*numbered, ""]


def test_a_line_that_is_not_utf8_is_named_after_the_lines_before_it(answer):
    expected = answer(text(*SENTENCES[:2]))
    code, out, err = answer(text(*SENTENCES[:2]) + b"na\xc3\xafve \xff\nlost\n")
    assert (code, out) == (2, expected[1])
    assert err == "error: standard input: line 3, byte 8: 0xff is not UTF-8 here; expected UTF-8 text\n"


def test_a_file_that_is_not_utf8_is_named_before_anything_is_translated(answer, tmp_path):
    path = tmp_path / "text.de"
    path.write_bytes(text(*SENTENCES[:2]) + b"na\xc3\xafve \xff\nlost\n")
    message = refused(answer(b"", str(path)))
    assert message == f"error: {path}: line 3, byte 8: 0xff is not UTF-8 here; expected UTF-8 text\n"
    path.write_bytes(text(*SENTENCES[:2]))
    assert answer(b"", str(path)) == answer(text(*SENTENCES[:2]))


def test_attention_is_drawn_for_each_line_that_can_be_read(answer, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MOST", 2)
    content = text(SENTENCES[0], "", LONG, SENTENCES[1])
    code, out, err = answer(content, "--attention", str(tmp_path / "out.png"))
    assert (code, len(out)) == (0, 5)
    empty, long, *rest = err.splitlines()
    assert empty == "line 2: no picture, empty"
    assert long.startswith("line 3: no picture, ")
    assert long.endswith("subwords are more than 60")
    assert rest == []
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["out-4.png", "out.png"]
    first, fourth = (matplotlib.image.imread(tmp_path / name) for name in ("out.png", "out-4.png"))
    assert first.shape != fourth.shape


def test_bad_arguments_are_refused_before_anything_is_translated(answer, run, tmp_path, monkeypatch):
    monkeypatch.setattr(translate, "load_translator", lambda run_dir: pytest.fail("loaded"))
    for options, words in (
        (("--beam", "0"), "beam = 0; expected a number at least 1"),
        (("--beam", "101"), "beam = 101; expected a number at least 1 and at most 100"),
        (("--length-penalty", "-1"), "length_penalty = -1.0; expected a number at least 0"),
        (("--n-best", "3"), "--n-best = 3; expected a number from 1 to the beam, 2"),
        (("--n-best", "0"), "--n-best = 0; expected a number from 1 to the beam, 2"),
        (("--attention", "out.pdf"), "out.pdf; expected a name that ends in .png"),
        (("--attention", "nowhere/out.png"), "no directory nowhere; expected one that exists"),
        ((str(tmp_path / "missing"),), "missing: cannot be read (No such file or directory)"),
        ((str(tmp_path),), "cannot be read (Is a directory)"),
    ):
        assert words in refused(answer(text(*SENTENCES), *options))


def test_closed_standard_input_is_refused(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.main(["translate", str(run)]) == 2
    assert "standard input: closed" in capsys.readouterr().err


def test_standard_input_has_a_descriptor_of_its_own(tmp_path, monkeypatch):
    """Else a thread that still reads when the command has ended would read whatever is opened next."""
    (tmp_path / "input").write_bytes(b"input")
    (tmp_path / "other").write_bytes(b"other")
    with (tmp_path / "input").open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        stream = lines.open_text(None)
    with (tmp_path / "other").open("rb"), stream:
        assert stream.read() == b"input"


def edited(path, **changes):
    """Change fields of a JSON file; names of inner ones are joined by two underscores."""
    value = json.loads(path.read_text())
    for name, new in changes.items():
        *outer, last = name.split("__")
        inner = value
        for part in outer:
            inner = inner[part]
        inner[last] = new
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: shutil.rmtree(run), "no config.json; expected a finished run of translation"),
        (lambda run: (run / "scores.json").unlink(), "no scores.json, so it is not finished"),
        (lambda run: (run / "tokenizer.model").unlink(), "no tokenizer.model; expected a finished run"),
        (lambda run: (run / "tokenizer.model").write_bytes(b"x"), "tokenizer.model: damaged, its SHA-256 is not"),
        (lambda run: (run / "config.json").write_text("{"), "config.json: line 1 is not valid JSON"),
        (lambda run: (run / "config.json").write_text("[]"), "config.json describes no translation"),
        (lambda run: edited(run / "config.json", task={}), "config.json describes no translation"),
        (lambda run: edited(run / "config.json", task__architecture="x"), "no architecture of recurrent, transformer"),
        (lambda run: edited(run / "config.json", task__search__beam=0), "beam = 0; expected a number at least 1"),
    ],
    ids=range(9),
)
def test_what_is_no_finished_translation_run_is_refused(damage, words, answer, run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    damage(copy)
    assert words in refused(answer(text(*SENTENCES), run=copy))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: (run / "checkpoints" / "200" / "sha256.json").unlink(), "checkpoints/200: no sha256.json"),
        (lambda run: edited(run / "config.json", task__model__depth=2), "checkpoints/200"),
        (lambda run: (run / "scores.json").write_text("[]"), "scores.json: names no chosen_steps; restore the file"),
        (lambda run: (run / "scores.json").write_text("{}"), "scores.json: names no chosen_steps; restore the file"),
    ],
    ids=range(4),
)
def test_a_damaged_checkpoint_ends_the_command(damage, words, answer, run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    damage(copy)
    code, out, err = answer(text(*SENTENCES), run=copy)
    assert (code, out) == (1, [""])
    assert err.startswith("error: ")
    assert words in err


def test_a_model_without_attention_has_no_picture(answer, run, tmp_path, monkeypatch):
    translator = load_translator(run)
    translator.attends = False
    monkeypatch.setattr(translate, "load_translator", lambda run_dir: translator)
    message = refused(answer(text(*SENTENCES), "--attention", str(tmp_path / "out.png")))
    assert "this model has no attention" in message


def test_a_slow_source_is_answered_line_by_line_until_ctrl_c(run):
    """As a user starts it; nothing but translations on standard output."""
    command = [sys.executable, "-m", "lstm_gru.cli", "translate", str(run), "--beam", "1"]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    expected = [found[0].text for found in load_translator(run).translate(SENTENCES, SearchConfig(beam=1))]
    with subprocess.Popen(command, **pipes) as process:
        for sentence, translated in zip(SENTENCES, expected, strict=True):
            process.stdin.write(text(sentence))
            process.stdin.flush()
            assert process.stdout.readline() == text(translated)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (-signal.SIGINT, b"", b"")  # To a shell it is 130.


def test_a_reader_that_has_enough_ends_it_quietly(answer, monkeypatch):
    source, sink = os.pipe()
    os.close(source)
    with open(sink, "w", encoding="utf-8") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        code, _, err = answer(text(*SENTENCES))
    assert (code, err) == (141, "")


class Slow(io.BytesIO):
    """Waits before its second line until it is told to go on."""

    def __init__(self, content):
        super().__init__(content)
        self.go_on, self.number = threading.Event(), 0

    def __next__(self):
        self.number += 1
        if self.number == 2:
            assert self.go_on.wait(60)
        return super().__next__()


def test_batches_are_what_has_arrived():
    slow = Slow(text(*map(str, range(1500))))
    batches = lines.read_batches(slow, "slow")
    assert next(batches) == ["0"]
    slow.go_on.set()
    end = time.monotonic() + 60
    while slow.number < lines.MOST:
        assert time.monotonic() < end
        time.sleep(0.001)
    rest = list(batches)
    assert [int(line) for batch in rest for line in batch] == list(range(1, 1500))
    assert len(rest[0]) > 900


def test_batches_are_no_larger_than_they_may_be():
    arrivals = lines.Queue()
    for item in [*map(str, range(3000)), None]:
        arrivals.put(item)
    assert [len(batch) for batch in lines._batches(arrivals)] == [1024, 1024, 952]


def test_a_mark_within_the_text_belongs_to_it():
    assert list(lines.read_batches(io.BytesIO("\ufeffone\n\ufefftwo".encode()), "text"))[-1][-1] == "\ufefftwo"


def test_a_text_that_breaks_off_says_after_which_line():
    class Broken(io.BytesIO):
        def __next__(self):
            if line := self.readline():
                return line
            raise OSError(5, "Input/output error")

    batches = lines.read_batches(Broken(b"one\n"), "disk")
    assert next(batches) == ["one"]
    with pytest.raises(lines.InputError, match=r"disk: line 2 cannot be read \(Input/output error\)"):
        next(batches)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_one_line_on_a_terminal_and_rare_lines_elsewhere(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with terminal.line_progress(True) as show:
        assert sys.stderr.getvalue().rindex("\x1b[?25h") > sys.stderr.getvalue().rindex("\x1b[?25l")  # The cursor.
        show(2048)
        print("translation")
    assert capsys.readouterr().out == "translation\n"
    assert "2,048 lines" in sys.stderr.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = iter([0, 9, 11, 11, 20, 22, 22])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    with terminal.line_progress(True) as show:
        for done in (1024, 2048, 3072, 4096):
            show(done)
    assert sys.stderr.getvalue() == "2,048 lines\n4,096 lines\n"
    with terminal.line_progress(False) as show:
        show(5)
    assert capsys.readouterr().out == ""


def test_progress_is_shown_of_files_but_not_between_translations(answer, monkeypatch):
    monkeypatch.setattr(terminal, "PLAIN_SECONDS", -1)
    assert answer(text(*SENTENCES))[2] == "3 lines\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert answer(text(*SENTENCES))[2] == ""
