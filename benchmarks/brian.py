"""Programs that Brian2 writes and compiles (C++ standalone), for the benchmarks beside it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

# A process inherits the peak memory of the one that starts it, so a small one does.
LAUNCH = """
import os
process = os.posix_spawn("./main", ["./main"], os.environ)
_, status, usage = os.wait4(process, 0)
print("", status, usage.ru_maxrss)
"""


def begin(folder: str, dtype: str, threads: int, dt: float) -> Any:
    """Return Brian2, set to write a program into a folder; `dt` in ms."""
    import brian2 as b2

    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.core.default_float_dtype = np.dtype(dtype).type
    b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
    b2.defaultclock.dt = dt * b2.ms
    return b2


def run(folder: Path, groups: dict[str, str]) -> tuple[float, np.ndarray, float]:
    """Run a program; return the seconds of its time loop, the spikes of every cell, its peak MiB.

    `groups`: the type of `count` in each group of cells.
    """
    words = [sys.executable, "-S", "-c", LAUNCH]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    status, peak_kib = map(int, done.stdout.split()[-2:])
    if status:
        raise RuntimeError(f"Brian2's program ended with status {status}:\n{done.stderr[-2000:]}")
    results = folder / "results"
    seconds = float((results / "last_run_info.txt").read_text().split()[0])
    paths = {next(results.glob(f"_array_{group}_count_*")): kind for group, kind in groups.items()}
    counts = np.concatenate([np.fromfile(path, kind) for path, kind in paths.items()])
    return seconds, counts, peak_kib / 1024
