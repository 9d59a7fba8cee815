"""The command that made a result, for the result file."""

import shlex
import sys
from pathlib import Path


def command() -> str:
    """Return how this script was called; the data folder, which differs elsewhere, as DIR."""
    words = list(sys.argv[1:])
    for i in range(1, len(words)):
        if words[i - 1] == "--data-dir":
            words[i] = "DIR"
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])
