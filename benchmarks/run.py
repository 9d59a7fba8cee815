"""Run a benchmark by its name: `python benchmarks/run.py run NAME [OPTION ...]`."""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the module that the name stands for."""
    sys.path[:1] = [str(ROOT)]
    name = sys.argv[2].replace("-", "_")
    [path] = (ROOT / "benchmarks").glob(f"*/{name}.py")
    del sys.argv[1:3]
    runpy.run_module(f"benchmarks.{path.parent.name}.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
