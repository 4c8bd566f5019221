"""``lstm-gru list``."""

import tyro

from lstm_gru.commands.terminal import NoArguments
from lstm_gru.experiment import experiment_names, load_experiment


def list_experiments(argv: list[str]) -> int:
    """Show the experiments: what each measures, on which data, what it reproduces, its minutes on two cores."""
    tyro.cli(NoArguments, args=argv, prog="lstm-gru list", description=list_experiments.__doc__)
    for name in experiment_names():
        e = load_experiment(name)
        print(f"{name}: {e.title}")
        print(f"  data        {e.data}\n  reproduces  {e.reproduces}\n  variants    {', '.join(e.variants)}")
        print(f"  minutes     {e.minutes:g} a seed of all variants on two cores\n")
    return 0
