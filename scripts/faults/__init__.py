"""The faults that `scripts/mutate` puts in: what is wrong then, text, replacement, tests.

The text occurs once in the package, whichever the file; tests are names of files below `tests/`.
"""

from typing import NamedTuple

from faults import learning, networks, spiking


class Fault(NamedTuple):
    """One fault, and the tests that must fail with it."""

    what: str
    text: str
    replacement: str
    tests: str  # separated by spaces


FAULTS = [Fault(*fault) for fault in (*learning.FAULTS, *spiking.FAULTS, *networks.FAULTS)]
