"""``lstm-gru tag``."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from lstm_gru.commands.lines import open_text, read_batches
from lstm_gru.commands.terminal import ctrl_c_ends_at_once, line_progress, show
from lstm_gru.config import TrainConfig
from lstm_gru.data.sentences import width_of
from lstm_gru.data.tagged import ColumnReader, word_form
from lstm_gru.data.tagged_corpora import TaggedCorpusConfig, load_tagged
from lstm_gru.errors import InputError
from lstm_gru.models.tagger import TaggerConfig
from lstm_gru.report.tables import Table
from lstm_gru.sentence_tagger import SentenceTagger
from lstm_gru.tasks.tagging import TaggingConfig, batches_of, tagging
from lstm_gru.trained import load_tagger
from lstm_gru.training.loop import fit

DEFAULT_OUT = Path("tagger")
EPOCHS = 15
TO_TRAIN = ("train", "dev", "test", "out", "cell", "crf", "seed")  # Options that make no sense beside a run.


@dataclass(frozen=True)
class TagArguments:
    """Tag the words of sentences with a finished run, from the run's directory alone; or train a tagger on your files.

    With RUN, a sentence is a line of words with spaces between them, and the output has a line 'word TAB tag' for each
    word and a blank line after each sentence. Without it, --train and --dev are files with 'word TAB tag' lines and a
    blank line after each sentence, or CoNLL-U; the directory that --out names is then a RUN.
    """

    run: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[RUN]")] = None
    """The directory of a finished tagging run, as tagger or runs/danish_tags/bilstm/seed-0."""
    file: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[FILE]")] = None
    """The sentences; standard input when not given."""
    columns: bool = False
    """A line of the input is a word, or has it as its first column or is of CoNLL-U; a blank line ends a sentence."""
    train: Path | None = None
    """Tagged sentences to train on."""
    dev: Path | None = None
    """Tagged sentences that choose the checkpoint."""
    test: Path | None = None
    """Tagged sentences to score once, at the end."""
    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """The cell of the layers over the sentence."""
    crf: bool = False
    """Score whole sequences of tags, not each tag by itself."""
    out: Path | None = None
    """Directory of the run that is trained; "tagger" when not given. The same directory continues."""
    seed: int = 0
    """Decides initial parameters, batches and noise."""


def tag(argv: list[str]) -> int:
    """Tag the words of sentences with a finished run, or train a tagger on column files."""
    arguments = tyro.cli(TagArguments, args=argv, prog="lstm-gru tag")
    _check(arguments)
    if arguments.run is None:
        _train(arguments)
    else:
        with ctrl_c_ends_at_once():
            _tag(arguments)
    return 0


def _check(arguments: TagArguments) -> None:
    if arguments.run is not None:
        only = [name for name in TO_TRAIN if getattr(arguments, name) != getattr(TagArguments, name)]
        if only:
            raise InputError(f"--{only[0]} beside RUN; expected either a run that tags, or files to train on")
    elif arguments.columns:
        raise InputError("--columns without RUN; expected a run that tags; files to train on always have columns")
    elif missing := [f"--{name}" for name in ("train", "dev") if getattr(arguments, name) is None]:
        raise InputError(f"{' and '.join(missing)}: missing; expected both to train, or RUN to tag with")
    if arguments.seed < 0:
        raise InputError(f"--seed = {arguments.seed}; expected at least 0")


def _train(arguments: TagArguments) -> None:
    files = {"train_file": arguments.train, "valid_file": arguments.dev, "test_file": arguments.test}
    data = TaggedCorpusConfig(**{name: str(file) for name, file in files.items() if file is not None})
    config = _plan(TaggingConfig(model=TaggerConfig(cell=arguments.cell, crf=arguments.crf), data=data), arguments.seed)
    for split, file in (("valid", arguments.dev), ("test", arguments.test)):
        if file is not None and (unseen := load_tagged(data).unseen_tags(split)):
            tags = ", ".join(f"{name} ({count})" for name, count in unseen.items())
            print(f"{file}: tags that no training sentence has, counted as wrong: {tags}", file=sys.stderr)
    out = arguments.out or DEFAULT_OUT
    scores = fit(tagging(config, {}), config.train, out).scores
    rows = [("dev", f"{scores['selected_by']['value']:.2f}", "", "")]
    if arguments.test is not None:
        rows.append(("test", *("–" if value is None else f"{value:.2f}" for value in scores["test"].values())))
    show(Table(("", "accuracy (%)", "known words", "unknown words"), tuple(rows)), f"{out}: {arguments.cell.upper()}")
    print(out)


def _plan(config: TaggingConfig, seed: int) -> TaggingConfig:
    """Some epochs, each with an evaluation at its end, in batches that the longest sentence fits."""
    longest = max(len(words) for words in load_tagged(config.data).splits["train"].words)
    if width_of(longest) > config.tokens_per_batch:
        config = replace(config, tokens_per_batch=width_of(longest))
        print(
            f"the longest sentence has {longest} words: batches of {config.tokens_per_batch} positions, fewer updates",
            file=sys.stderr,
        )
    epoch = batches_of(config).steps_per_epoch
    warmup = min(100, EPOCHS * epoch // 10)
    train = TrainConfig(steps=EPOCHS * epoch, learning_rate=3e-3, warmup_steps=warmup, evaluate_every=epoch, seed=seed)
    return replace(config, train=train)


def _tag(arguments: TagArguments) -> None:
    name = str(arguments.file or "standard input")
    lines = read_batches(open_text(arguments.file), name)
    tagger = load_tagger(arguments.run)
    sentences = _by_blank_lines(lines, name) if arguments.columns else _by_lines(lines)
    shown = not sys.stdout.isatty()  # Else the tags themselves show how far it is.
    done = 0
    with line_progress(shown) as progress:
        for batch in sentences:
            _write(tagger, batch)
            done += len(batch)
            progress(done)


def _by_lines(batches: Iterable[Sequence[str]]) -> Iterator[list[list[str]]]:
    """Sentences of words with spaces between them, a line each; an empty line is an empty sentence."""
    for batch in batches:
        yield [word_form(line).split() for line in batch]


def _by_blank_lines(batches: Iterable[Sequence[str]], name: str) -> Iterator[list[list[str]]]:
    """Sentences of a word a line, ended by a blank one; those that ended within what has arrived."""
    reader, number, unfinished = ColumnReader(tagged=False), 0, []
    for batch in batches:
        finished = []
        for line in batch:
            number += 1
            if line.strip():
                word = reader.read(line, f"{name}: line {number}")
                unfinished += [word[0]] if word else []
            elif unfinished:
                finished.append(unfinished)
                unfinished = []
        yield finished
    if unfinished:
        yield [unfinished]


def _write(tagger: SentenceTagger, sentences: Sequence[Sequence[str]]) -> None:
    for words, tags in zip(sentences, tagger.tag(sentences), strict=True):
        block = "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
        sys.stdout.buffer.write(f"{block}\n".encode())
    sys.stdout.buffer.flush()
