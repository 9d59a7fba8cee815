"""The faults that `scripts/mutate` puts in: what is wrong then, text, replacement, tests.

The text occurs once in the package, whichever the file; tests are names of files below `tests/`.
"""

from typing import NamedTuple

from faults import continual, layers, learning, networks, neuromod, spiking


class Fault(NamedTuple):
    """One fault, and the tests that must fail with it."""

    what: str
    text: str
    replacement: str
    tests: str  # separated by spaces


MODULES = (learning, continual, neuromod, spiking, layers, networks)
FAULTS = [Fault(*fault) for module in MODULES for fault in module.FAULTS]
