"""One engine on one network in a process of its own, and the other end of it, for network_speed.py.

python benchmarks/_network_child.py ENGINE CELLS VARIANT SECONDS REPEATS
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.networks._turns import GO, PIPES, READY

ENGINES = {
    "neurogain": "benchmarks.networks.engines.neurogain",
    "brian2": "benchmarks.networks.engines.brian2",
    "nest": "benchmarks.networks.engines.nest",
    "brainevent": "benchmarks.networks.engines.brainevent",
    "numpy": "benchmarks.networks.engines.numpy",
}
"""Module of each engine, with `available` and `measure`."""


def available(engine: str) -> str | None:
    """Return the version of an engine, None if it isn't installed or has no module here."""
    name = ENGINES[engine]
    return importlib.import_module(name).available() if importlib.util.find_spec(name) else None


def memory_mib(field: str) -> float:
    """Return a memory figure of this process: VmRSS now, VmHWM at its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise ValueError(f"`field` must be one of /proc/self/status; got {field!r}.")


class Runner:
    """A process that builds a network, then waits for its turns."""

    def __init__(self, engine: str, n: int, variant: str, seconds: float, repeats: int):
        """Start it."""
        self.engine = engine
        self.result: dict[str, Any] | None = None
        self.error = ""
        there, self._to = os.pipe()
        from_, back = os.pipe()
        self._from = os.fdopen(from_)
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open while it runs)
        words = [
            sys.executable,
            "-m",
            __name__,
            engine,
            str(n),
            variant,
            str(seconds),
            str(repeats),
        ]
        self._process = subprocess.Popen(
            words,
            env=os.environ | {PIPES: f"{there},{back}"},
            pass_fds=(there, back),
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        os.close(there)
        os.close(back)

    def waits(self) -> bool:
        """Return whether it waits for a turn; if not, it has ended, with `result` or `error`."""
        line = self._from.readline()
        if line == READY.decode():
            return True
        self._process.wait()
        if line:
            self.result = json.loads(line)
        else:
            self._output.seek(0)
            self.error = self._output.read()[-3000:]
        self._from.close()
        self._output.close()
        os.close(self._to)
        return False

    def go(self) -> None:
        """Give it a turn."""
        os.write(self._to, GO)


def main() -> None:
    """Measure, and write the result as one line of JSON to the pipe."""
    from benchmarks.networks import _network

    engine, n, variant, seconds, repeats = sys.argv[1:]
    module = importlib.import_module(ENGINES[engine])
    base = memory_mib("VmRSS")
    result = module.measure(_network.Network(int(n)), variant, float(seconds), int(repeats))
    result = {"peak_mib": memory_mib("VmHWM"), "base_mib": base} | result
    writing = int(os.environ[PIPES].split(",")[1])
    os.write(writing, (json.dumps(result) + "\n").encode())


if __name__ == "__main__":
    main()
