"""A process that measures and answers each line that it is sent with one of JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent.parent


class Measuring:
    """A process of its own that runs a module of this package.

    Args:
      module: its name.
      name: its argument: what it measures.
      environment: variables beside those of this process.
    """

    def __init__(self, module: str, name: str, environment: Mapping[str, str]):
        self._name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment, "PYTHONPATH": str(SCRIPTS)},
        )

    def ask(self, question: Any) -> Any:
        """Return the answer to a question, both plain JSON values."""
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._name}: its process ended while measuring {question}; its message is above")
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait()
