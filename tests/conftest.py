"""Strict settings for all tests: no silent rank promotion, double precision available; and what many files share."""

import os
import signal

# Most of the time of these tests is the compilation of small programs; 0 compiles them as users' programs are.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
# What a script starts in the background ignores Ctrl-C, and so would all that these tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


# A file is one worker's; these come first, so that no worker is left alone with a slow one at the end.
SLOW = (
    "recurrent",
    "layers",
    "faults",
    "transforms",
    "resume",
    "translators",
    "translation",
    "cli",
    "tagger",
    "forecast",
)


def pytest_collection_modifyitems(items):
    """Put the slowest files first; the order of a file's tests stays."""
    rank = {f"test_{name}": number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(SLOW)))


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory):
    """What one process of a test has compiled, the others read; workers side by side share it."""
    shared = tmp_path_factory.getbasetemp().parent / "compiled"
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(shared)  # Of processes to come: JAX here has read its own already.
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"


@pytest.fixture(scope="module", autouse=True)
def compiled_functions_are_let_go():
    """As between runs: those of thousands of tests may be too many for one process."""
    from lstm_gru.reproduce import MOST_REGIONS, drop_compiled

    yield
    drop_compiled(MOST_REGIONS)


@pytest.fixture
def x64():
    """Double precision for one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def op_by_op():
    """Compiling dozens of small scans takes minutes; running their steps one by one takes milliseconds."""
    with jax.disable_jit():
        yield
