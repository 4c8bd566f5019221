"""A training state as named arrays on the host, and what identifies them to the last bit."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

Arrays = dict[str, np.ndarray]
Digests = dict[str, dict[str, Any]]


def names(tree: Any) -> list[str]:
    """Return the name of each leaf, as ``params/decoder/kernel``."""
    return [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in jax.tree.leaves_with_path(tree)]


def flatten(tree: Any) -> Arrays:
    """Return copies of a tree's arrays on the host, by name."""
    leaves = [np.array(leaf, copy=True) for leaf in jax.device_get(jax.tree.leaves(tree))]
    return dict(zip(names(tree), leaves, strict=True))


def digests(arrays: Arrays) -> Digests:
    """Return type, shape and SHA-256 of each array's bytes in row-major order."""
    return {
        name: {
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "sha256": hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest(),
        }
        for name, array in sorted(arrays.items())
    }


def describe(array: Any) -> str:
    """Return an array's type and shape, as ``float32[3, 4]``."""
    return "absent" if array is None else f"{array.dtype}{list(array.shape)}"


def combined(several: Mapping[str, Any]) -> str:
    """Return one SHA-256 for several digests."""
    return hashlib.sha256(json.dumps(several, sort_keys=True).encode()).hexdigest()
