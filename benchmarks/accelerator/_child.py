"""Run one benchmark or command in this process and say what device it ran on, for accelerator.py.

    python benchmarks/_accelerator_child.py DEVICE.json [SCRIPT OPTION ...]

SCRIPT is a file, or `neurogain` for the installed command; without it the device is described and
nothing is run. DEVICE.json holds the device, its memory's peak in this process, and the versions.
"""

import json
import os
import runpy
import sys
from pathlib import Path

from benchmarks.device import describe, peak


def main() -> None:
    """Run, then write the file, also where the run fails."""
    path, *words = sys.argv[1:]
    sys.argv = words
    try:
        if words[:1] == ["neurogain"]:
            from neurogain import cli

            cli.main(words[1:])
        elif words:
            runpy.run_path(words[0], run_name="__main__")
    finally:
        from neurogain import output

        content = {"device": describe() | peak(), "versions": output.versions()}
        content["versions"] |= {"cpus": str(len(os.sched_getaffinity(0)))}
        Path(path).write_text(json.dumps(content))


if __name__ == "__main__":
    main()
