"""Memory that the process frees stays with it, on Linux with glibc."""

import ctypes
import sys
from contextlib import suppress

import jax

M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD = -8, -4, -1  # Of <malloc.h>.


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed instead of handing it back to the system; return whether it will.

    XLA allocates a step's temporaries anew in every step. glibc takes large ones from the system each time and gives
    them back after it, and each of their pages then costs a fault at its first touch. One arena keeps them, up to 2 GiB
    that are free at its top; where the host is several devices, one for each, since they would wait for each other.
    Call this before JAX starts its threads, which otherwise have arenas of their own. It lasts as long as the process;
    the memory that is free within it is no longer at the disposal of others.

    Where there is no glibc nothing happens. In the environment of a program of one's own, the same is
    ``MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647``.
    """
    if not sys.platform.startswith("linux"):
        return False
    with suppress(OSError, AttributeError):  # Another C library than glibc has no mallopt.
        mallopt = ctypes.CDLL(None).mallopt
        arenas = max(1, jax.config.jax_num_cpu_devices)
        values = {M_ARENA_MAX: arenas, M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1}
        return all([mallopt(name, value) for name, value in values.items()])
    return False
