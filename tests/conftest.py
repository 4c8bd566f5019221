"""Strict settings for all tests: no silent rank promotion, double precision available; and what many files share."""

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)  # For what is to run on several; all else stays on the first.


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
