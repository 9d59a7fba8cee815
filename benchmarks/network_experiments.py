"""Run the network experiments at their defaults, and keep their tables, numbers and figures.

    python benchmarks/network_experiments.py    (about 20 minutes)

Writes a JSON file for each with its figures; `benchmarks/report.py` shows them. Runs lie under
`runs/experiments`: what was interrupted goes on, what is finished there is not run again.
"""

import contextlib
import dataclasses
import io
import json
import shutil
from pathlib import Path

import tyro
from _command import command

from neurogain import cli

EXPERIMENTS = {
    "burst-stdp": "Burst-STDP: do bursts speed up plasticity?",
    "microcircuit": "The layer-5 microcircuit and its gain",
    "go-nogo": "Go/No-Go with a set shift: which neuromodulators does it need?",
}


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run the network experiments at their defaults, and keep what they print and draw."""

    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    """Which to run."""
    runs: Path = Path("runs/experiments")
    """Folder of the runs."""
    out: Path = Path("benchmarks/results")
    """Folder of the results."""


def main() -> None:
    """Run each, then keep its results."""
    args = tyro.cli(Arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    for experiment in args.experiments:
        run = args.runs / experiment
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            cli.main([experiment, "--out", str(run), "--resume"])
        table = printed.getvalue().split("\nWritten:")[0].rstrip()
        print(table, flush=True)
        name = experiment.replace("-", "_")
        figures = []
        for figure in sorted(run.glob("*.png")):
            figures.append(f"{name}_{figure.name}")
            shutil.copy(figure, args.out / figures[-1])
        metrics = json.loads((run / "metrics.json").read_text())
        content = {
            "schema_version": 1,
            "title": EXPERIMENTS[experiment],
            "command": command(),
            "table": table,
            "notes": [
                f"The same as `neurogain {experiment}`; its metrics.json is under `metrics`."
            ],
            "figures": figures,
            "versions": metrics["versions"],
            "wall_time_s": metrics["wall_time_s"],
            "metrics": metrics,
        }
        path = args.out / f"{name}.json"
        path.write_text(json.dumps(content, allow_nan=False) + "\n")
        print(f"\nWritten: {path}\n", flush=True)


if __name__ == "__main__":
    main()
