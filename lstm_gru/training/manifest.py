"""What a run's numbers may depend on besides its configuration: versions, machine, commit."""

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from lstm_gru.config import flatten

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def manifest() -> dict[str, Any]:
    """Return the versions, the processor cores and devices, and the commit that this process runs on."""
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "platform": platform.system() + " " + platform.machine(),
        "processor": processor(),
        "cores": available_cores(),
        "devices": [device.device_kind for device in jax.devices()],
        "commit": git_commit(),
    }


def environments(made_with: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a run was begun with, and what it was continued with where that was another."""
    begun = {name: value for name, value in made_with.items() if name != "continued_with"}
    return [begun, *made_with.get("continued_with", ())]


def together(manifests: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one manifest for all that several say, each environment once, in order."""
    found: list[dict[str, Any]] = []
    for made_with in manifests:
        found.extend(each for each in environments(made_with) if each not in found)
    first, *others = found
    return {**first, "continued_with": others} if others else first


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what differs between two manifests, as ``"cores 2 then, 1 now; ..."``; empty when nothing does."""
    then, here = dict(flatten(before)), dict(flatten(now))
    names = [name for name in here if then.get(name) != here[name]]
    return "; ".join(f"{name.removeprefix('versions.')} {then.get(name)} then, {here[name]} now" for name in names)


def processor() -> str | None:
    """Return the processor's model name, since XLA compiles for its instruction set; None where nothing tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def available_cores() -> int:
    """Return the number of processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def git_commit() -> str | None:
    """Return the checkout's commit, with ``+changes`` where tracked files differ; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # An installed package may lie inside somebody else's repository.
        return None

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout

    try:
        changed = git("status", "--porcelain", "--untracked-files=no").strip()
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
