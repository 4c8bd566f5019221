"""Where the time of a compiled function goes, from XLA's own record of its kernels."""

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

CALLS = 3
PRODUCTS = ("ynn_fusion", "dot", "onednn", "custom-call")  # What XLA calls kernels that hold a matrix product.
KINDS = (
    "seconds_products_in_the_scan",
    "seconds_products_over_all_steps",
    "seconds_pointwise_in_the_scan",
    "seconds_the_rest",
)


def profile(call: Callable[[], object], time: int) -> dict[str, float]:
    """Return the seconds that all threads together spend on each kind of kernel in one call.

    Args:
      call: does it, to its end.
      time: T; what runs at least half as often is in the scan.
    """
    import jax

    with tempfile.TemporaryDirectory() as directory:
        with jax.profiler.trace(directory):
            for _ in range(CALLS):
                call()
        (path,) = Path(directory).rglob("*.xplane.pb")
        events = [event for plane in jax.profiler.ProfileData.from_file(str(path)).planes for event in _kernels(plane)]
    seconds, counts = Counter(), Counter(name for name, _ in events)
    for name, duration in events:
        in_scan, product = counts[name] >= time * CALLS / 2, name.startswith(PRODUCTS)
        seconds[KINDS[(0 if in_scan else 1) if product else (2 if in_scan else 3)]] += duration / CALLS
    return {kind: seconds[kind] for kind in KINDS}


def _kernels(plane) -> list[tuple[str, float]]:
    """Name and seconds of each kernel that ran; only these are known by the operation that they stand for."""
    return [
        (event.name, event.duration_ns / 1e9)
        for line in plane.lines
        for event in line.events
        if "hlo_op" in dict(event.stats) and not event.name.startswith(("while", "call"))
    ]
