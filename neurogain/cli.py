"""The command `neurogain <experiment>`."""

import os
import sys
from collections.abc import Callable
from typing import Any

from neurogain._extras import MissingExtraError, extra
from neurogain.commands.bac_firing import BacFiringCommand
from neurogain.commands.burst_stdp import BurstStdpCommand
from neurogain.commands.cell import CellCommand
from neurogain.commands.gain_curve import GainCurveCommand
from neurogain.commands.go_nogo import GoNoGoCommand
from neurogain.commands.landscape import LandscapeCommand
from neurogain.commands.microcircuit import MicrocircuitCommand
from neurogain.commands.neuromod import NeuromodCommand
from neurogain.commands.stability_gap import StabilityGapCommand

with extra("cli"):
    import tyro

COMMANDS: dict[str, Callable[..., Any]] = {
    "stability-gap": StabilityGapCommand,
    "gain-curve": GainCurveCommand,
    "bac-firing": BacFiringCommand,
    "cell": CellCommand,
    "burst-stdp": BurstStdpCommand,
    "microcircuit": MicrocircuitCommand,
    "go-nogo": GoNoGoCommand,
    "neuromod": NeuromodCommand,
    "landscape": LandscapeCommand,
}


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, run, and turn errors of the user's input into one clear line."""
    command = tyro.extras.subcommand_cli_from_dict(
        COMMANDS, description="Neuromodulated learning at two scales.", args=arguments
    )
    try:
        command.run()
    except (ValueError, OSError, FloatingPointError, MissingExtraError) as error:
        sys.exit(f"neurogain: {error}")
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. What was finished is in {command.out}; continue with --resume.",
            file=sys.stderr,
        )
        sys.exit(130)


def script() -> None:
    """Run `main` as the installed command.

    Where a signal interrupts a compilation, the interpreter's shutdown crashes in the compiler's
    threads; all results are on disk by then, so the process ends without it.
    """
    try:
        main()
    except SystemExit as stop:
        if stop.code != 130:
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)
