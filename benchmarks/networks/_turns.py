"""Repeats that wait for their turn, so that engines in different processes take turns.

`network_speed.py` starts a process per engine and gives each a pair of pipes. The engine's module
takes its repeats from `turns`, after it has built and warmed up; each waits until the others rest.
Without pipes nothing waits, so a module can be used by hand. A module that doesn't use `turns` does
all its repeats in a row, before the next engine starts.
"""

import os
from collections.abc import Iterator

PIPES = "NETWORK_SPEED_PIPES"
"""Environment variable: the file descriptors to read from and to write to, with a comma."""
READY, GO = b"ready\n", b"go\n"
"""What a process says when it waits, and what it is told."""


def turns(repeats: int) -> Iterator[int]:
    """Yield the number of each repeat when its turn has come."""
    pipes = os.environ.get(PIPES)
    for i in range(repeats):
        if pipes:
            reading, writing = map(int, pipes.split(","))
            os.write(writing, READY)
            if os.read(reading, len(GO)) != GO:
                raise SystemExit("The process that gives the turns is gone.")
        yield i
