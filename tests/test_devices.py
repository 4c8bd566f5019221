"""Several devices: their tests run in a process of their own, whose host is eight devices."""

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def test_eight_devices():
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": "8"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / "eight_devices.py")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", ran.stdout)[1]) > 25
