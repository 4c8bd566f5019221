"""``lstm-gru report``."""

import tyro

from lstm_gru.commands.terminal import NoArguments
from lstm_gru.report.documents import update_documents


def report(argv: list[str]) -> int:
    """Make the README's tables and the documents in experiments/ anew from the recorded results."""
    tyro.cli(NoArguments, args=argv, prog="lstm-gru report", description=report.__doc__)
    for path, changed in update_documents().items():
        print(f"{path}: {'written' if changed else 'up to date'}")
    return 0
