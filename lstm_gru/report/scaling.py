"""What ``scripts/benchmark scaling`` measured, and what devices have to tell each other in a step."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import AbstractMesh, AxisType

from lstm_gru.report.tables import Table
from lstm_gru.training.devices import AXES, Devices

COUNTS = tuple(2**k for k in range(3, 11))
SPLITS = 8
BYTES = 4  # Of a float32.


class Volume(NamedTuple):
    """Values that one device has a part in communicating in a step.

    Attributes:
      split: of the matrices that are put together along ``model``, and whose gradients are added up in pieces.
      summed: of the gradients that are added up over the devices which hold the same piece, or over all.
    """

    split: int
    summed: int


def scaling_tables(record: Mapping[str, Any]) -> list[str]:
    """Return the tables of a record in Markdown, each after its heading."""
    return [
        "Steps of training a second on host devices that share two cores; a speed-up is the median over rounds, its "
        "range in brackets",
        _throughput(record).markdown(),
        "Computed, not measured: megabytes that each device sends in a step, going round in rings, and holds between "
        "steps of parameters and both moments of Adam, by the number of devices; with matrices whole on each, and "
        f"split over {SPLITS} (`--split-matrices {SPLITS}`). More devices than a batch has rows have nothing to do",
        _communication(record).markdown(),
    ]


def volume(shapes: Iterable[Sequence[int]], devices: Devices) -> Volume:
    """Return what is communicated for parameters of these shapes, by the rule of `Devices.piece`."""
    split, summed = 0, 0
    for shape in shapes:
        size = math.prod(shape)
        in_pieces = bool(devices.piece(jax.ShapeDtypeStruct(tuple(shape), np.float32)))
        split += size * in_pieces
        summed += size // devices.splits if in_pieces else size
    return Volume(split, summed)


def sent(shapes: Iterable[Sequence[int]], devices: Devices) -> float:
    """Return the bytes that each device sends in a step, when all communication goes round in rings.

    Equation, for n devices in groups of m that share one copy of the matrices of L values, and S other values::

        2 (m-1)/m L  +  2 (n/m - 1)/(n/m) L/m  +  2 (n-1)/n S

    to gather the matrices, to scatter their gradients, to add up pieces over groups, and the others over all. Source:
    Patarasuk & Yuan 2009, section 3 (what a ring needs is the least that any algorithm does).
    """
    n, m = devices.count, devices.splits
    found = volume(shapes, devices)
    pieces = found.split // m
    ring = lambda size: (size - 1) / size  # noqa: E731
    matrices = 2 * ring(m) * found.split + 2 * ring(n // m) * pieces
    return BYTES * (matrices + 2 * ring(n) * (found.summed - pieces))


def held(shapes: Iterable[Sequence[int]], devices: Devices) -> int:
    """Return the bytes of parameters and of Adam's two moments on each device."""
    return 3 * BYTES * volume(shapes, devices).summed


def _devices(count: int, splits: int) -> Devices:
    return Devices(AbstractMesh((count // splits, splits), AXES, axis_types=(AxisType.Auto,) * 2))


def _throughput(record: Mapping[str, Any]) -> Table:
    rows = []
    for found in record["measured"]:
        one, two = (found["seconds"][f"{count}"] for count in (1, 2))
        ratios = [a / b for a, b in zip(one, two, strict=True)]
        speed = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        per_second = (f"{1 / statistics.median(taken):.1f}" for taken in (one, two))
        rows.append((found["task"], f"{_size(found['shapes']):,}", *per_second, speed))
    return Table(("", "parameters", "1 device", "2 devices", "speed-up"), tuple(rows))


def _communication(record: Mapping[str, Any]) -> Table:
    largest = max(record["measured"], key=lambda found: _size(found["shapes"]))
    ways = [(largest, splits) for splits in (1, SPLITS)]
    names = [f"{found['task'].split(' (')[0]}, {'split' if splits > 1 else 'whole'}" for found, splits in ways]
    rows = []
    for count in COUNTS:
        cells = []
        for found, splits in ways:
            devices = _devices(count, splits)
            cells += [f"{use(found['shapes'], devices) / 1e6:.2f}" for use in (sent, held)]
        rows.append((f"{count:,}", *cells))
    headings = [f"{name}: {what}" for name in names for what in ("sends", "holds")]
    return Table(("devices", *headings), tuple(rows))


def _size(shapes: Iterable[Sequence[int]]) -> int:
    return sum(math.prod(shape) for shape in shapes)
