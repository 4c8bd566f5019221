"""``lstm-gru translate``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from lstm_gru.commands.lines import open_text, read_batches
from lstm_gru.commands.terminal import ctrl_c_ends_at_once, line_progress
from lstm_gru.errors import InputError
from lstm_gru.tasks.translation import draw_attention
from lstm_gru.trained import load_search, load_translator
from lstm_gru.translator import SearchConfig, Translation, Translator

LARGEST_PICTURE = 60  # Subwords of either side that can still be read.


@dataclass(frozen=True)
class TranslateArguments:
    """Translate a UTF-8 text line by line with a finished run, from the run's directory alone.

    Line n of the output is the translation of line n; an empty line stays empty, and the sentences of a line are
    translated one by one. Lines from standard input are answered as they come, many at once where many are there.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The directory of a finished translation run, as runs/multi30k/gru/seed-0."""
    file: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[FILE]")] = None
    """The text; standard input when not given."""
    beam: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Hypotheses that the search keeps alive, 1 is greedy; as the run was tested when not given."""
    length_penalty: Annotated[float | None, tyro.conf.arg(metavar="X")] = None
    """Exponent of the length penalty, 0 prefers short translations; as the run was tested when not given. What greedy
    search finds does not depend on it."""
    n_best: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Print the N best of each line, N at most the beam, on N lines 'number TAB translation' with the line's number."""
    scores: bool = False
    """Print 'score TAB' before each translation: its log-probability divided by the length penalty, in a line of
    several sentences the mean of theirs."""
    attention: Annotated[Path | None, tyro.conf.arg(metavar="OUT.png")] = None
    """Draw what each subword was translated from: line 1 in OUT.png, line 2 in OUT-2.png and so on."""


def translate(argv: list[str]) -> int:
    """Translate lines of text with a finished run, from the run's directory alone."""
    arguments = tyro.cli(TranslateArguments, args=argv, prog="lstm-gru translate")
    with ctrl_c_ends_at_once():
        _translate(arguments)
    return 0


def _translate(arguments: TranslateArguments) -> None:
    search = _search(arguments)
    _check_picture(arguments.attention)
    stream = open_text(arguments.file)
    shown = not (stream.isatty() or sys.stdout.isatty())  # Else the translations themselves show how far it is.
    batches = read_batches(stream, str(arguments.file or "standard input"))
    translator = load_translator(arguments.run)
    if arguments.attention and not translator.attends:
        raise InputError(f"{arguments.run}: this model has no attention; expected no --attention")
    done = 0
    with line_progress(shown) as show:
        for batch in batches:
            found = translator.translate(batch, search, arguments.n_best or 1)
            _write(found, done + 1, arguments)
            if arguments.attention:
                _draw(arguments.attention, translator, batch, found, done + 1)
            done += len(batch)
            show(done)


def _search(arguments: TranslateArguments) -> SearchConfig:
    """The run's search with what was asked for instead."""
    asked = {"beam": arguments.beam, "length_penalty": arguments.length_penalty}
    changes = {name: value for name, value in asked.items() if value is not None}
    search = replace(load_search(arguments.run), **changes)
    if arguments.n_best is not None and not 1 <= arguments.n_best <= search.beam:
        raise InputError(f"--n-best = {arguments.n_best}; expected a number from 1 to the beam, {search.beam}")
    return search


def _check_picture(path: Path | None) -> None:
    if path is None:
        return
    if path.suffix != ".png":
        raise InputError(f"--attention = {path}; expected a name that ends in .png")
    if not path.parent.is_dir():
        raise InputError(f"--attention = {path}: no directory {path.parent}; expected one that exists")


def _write(found: Sequence[Sequence[Translation]], first: int, arguments: TranslateArguments) -> None:
    """Write the translations of some lines, of which the first has the number ``first``."""
    for number, ranked in enumerate(found, first):
        for translation in ranked:
            columns = [str(number)] if arguments.n_best is not None else []
            columns += [f"{translation.score:.4f}"] if arguments.scores else []
            sys.stdout.buffer.write("\t".join([*columns, translation.text]).encode() + b"\n")
    sys.stdout.buffer.flush()


def _draw(
    path: Path, translator: Translator, lines: Sequence[str], found: Sequence[Sequence[Translation]], first: int
) -> None:
    """Draw the attention of each line's best translation, where there is something to draw that can be read."""
    for number, (line, (best, *_)) in enumerate(zip(lines, found, strict=True), first):
        src, trg = map(len, translator.tokenizer.encode([line, best.text]))
        if not src or max(src, trg) > LARGEST_PICTURE:
            reason = f"{max(src, trg)} subwords are more than {LARGEST_PICTURE}" if src else "empty"
            print(f"line {number}: no picture, {reason}", file=sys.stderr)
        else:
            picture = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
            draw_attention(picture, translator, line, best.text)
