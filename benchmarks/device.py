"""The device that a process computes on and the versions it runs, for result files."""

import os
import shutil
import subprocess
from typing import Any

MIB = 2**20


def describe() -> dict[str, Any]:
    """Return platform, kind, number, memory in MiB (None where it isn't known) and driver."""
    import jax

    device = jax.local_devices()[0]
    limit = (device.memory_stats() or {}).get("bytes_limit")
    found: dict[str, Any] = {
        "platform": device.platform,
        "kind": device.device_kind,
        "number": jax.local_device_count(),
        "memory_mib": None if limit is None else round(limit / MIB),  # that JAX may take
        "driver": None,
    }
    if device.platform == "gpu" and shutil.which("nvidia-smi"):
        words = ["nvidia-smi", "--query-gpu=memory.total,driver_version", "--id=0"]
        done = subprocess.run(
            [*words, "--format=csv,noheader,nounits"], capture_output=True, text=True
        )
        if done.returncode == 0:
            memory, found["driver"] = (part.strip() for part in done.stdout.split(","))
            found["memory_mib"] = int(memory)
    return found


def peak() -> dict[str, float]:
    """Return the most memory that JAX held on the device, nothing where it isn't counted."""
    import jax

    stats = jax.local_devices()[0].memory_stats() or {}
    most = stats.get("peak_bytes_in_use")
    return {} if most is None else {"device_peak_mib": most / MIB}


def stamp() -> dict[str, Any]:
    """Return the device, with the peak of its memory so far, and the versions with the cores."""
    from neurogain import results

    cores = str(len(os.sched_getaffinity(0)))
    return {
        "device": describe() | peak(),
        "versions": results.versions() | {"cpus": cores},
    }
