"""The installed command `neurogain`, also `python -m neurogain`."""

import os
import sys

from neurogain._extras import MissingExtraError


def script() -> None:
    """Load the command line and run it; an error of the installation is one line.

    Loading takes seconds, so an interrupt may come before there is anything to report.
    """
    try:
        from neurogain import cli
    except MissingExtraError as error:
        sys.exit(f"neurogain: {error}")
    except KeyboardInterrupt:
        print("\nInterrupted before anything was run.", file=sys.stderr, flush=True)
        os._exit(130)  # the interpreter's shutdown crashes in libraries that are half loaded
    cli.script()


if __name__ == "__main__":
    script()
