"""The network that `network_speed` measures: sizes, connectivity and constants in plain NumPy.

80 % layer-5 pyramidal cells, 10 % PV, 10 % SOM, numbered in this order. Every cell has 100 incoming
synapses from cells drawn at random, with replacement (two cells may be joined more than once), none
from itself. All engines get these very synapses.

One step of 0.1 ms, in this order, is what every engine does:
1. cells advance by forward Euler, v linearly implicit in the conductances, which act with their
   means over the step; fresh Gaussian noise on every soma;
2. conductances decay by exp(-dt / tau);
3. cells at or above v_peak spike and are reset;
4. the spikes of the step before arrive (a delay of one step): they are added to the conductances,
   so that a spike of step n acts in step n + 2.
Plasticity: the postsynaptic spikes of the step potentiate; then the presynaptic spikes that arrive
depress, and are transmitted with what is left. Spikes that meet at a synapse don't see each other.
NEST's delay is dendritic, see there. (The cells start in synchrony, so with transmission before
depression the rates would be 8 % higher.)
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterable

import numpy as np

from neurogain.spiking import cells

DT = 0.1  # ms
IN_DEGREE = 100
SOMA = cells.L5_SOMA
DENDRITE = cells.L5_DENDRITE
PYRAMIDAL = cells.L5_PYRAMIDAL
PV = cells.PV
SOM = cells.SOM._replace(c=-53.0)
COUPLING = 0.5
BAP_CURRENT = PYRAMIDAL.bap_current * COUPLING  # pA, the mean, without randomness
BAP_FIRST = round(PYRAMIDAL.bap_start / DT)  # steps after the last spike
BAP_LAST = round(PYRAMIDAL.bap_end / DT)  # steps after the last spike, included
CURRENT = {"pyramidal": 700.0, "pv": 100.0, "som": 100.0}  # pA, onto somata
DENDRITIC_CURRENT = 400.0  # pA
NOISE = 100.0  # pA, standard deviation in every step
AMPA, GABA = 0.3, 1.0  # nS a synapse
E_AMPA, E_GABA = 0.0, -75.0  # mV
TAU_SYNAPSE = 6.0  # ms, AMPA and GABA_A
DECAY = math.exp(-DT / TAU_SYNAPSE)
MEAN = TAU_SYNAPSE / DT * (1 - DECAY)  # of a conductance over a step, in units of its start
W_MAX = 1.0  # nS
A_PLUS, A_MINUS = 0.01 * W_MAX, 0.0105 * W_MAX  # nS a pair
TAU_STDP = 20.0  # ms
TRACE_DECAY = math.exp(-DT / TAU_STDP)
VARIANTS = {"static": "without plasticity", "stdp": "with STDP"}
POPULATIONS = ("pyramidal", "pv", "som")
RATES = (
    ("pyramidal", ("rates_hz", "pyramidal"), "11.2f"), ("pv", ("rates_hz", "pv"), "7.2f"),
    ("som", ("rates_hz", "som"), "7.2f"),
)  # fmt: skip
"""Columns of a table."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network of `n` cells, a multiple of 10; the same seed makes the same synapses."""

    n: int
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that can't be split."""
        if self.n % 10 or self.n < 20:
            raise ValueError(f"`n` must be a multiple of 10, at least 20; got {self.n!r}.")

    @property
    def pyramidal(self) -> int:
        """Return the number of pyramidal cells, which come first."""
        return self.n * 8 // 10

    @property
    def pv(self) -> int:
        """Return the number of PV cells."""
        return self.n // 10

    @property
    def spans(self) -> dict[str, slice]:
        """Return where each population lies."""
        ends = (0, self.pyramidal, self.pyramidal + self.pv, self.n)
        return dict(
            zip(POPULATIONS, itertools.starmap(slice, itertools.pairwise(ends)), strict=True)
        )

    @functools.cached_property
    def sources(self) -> np.ndarray:
        """Return the presynaptic cells of every cell, (n, 100), int32."""
        drawn = np.random.default_rng(self.seed).integers(
            0, self.n - 1, (self.n, IN_DEGREE), dtype=np.int32
        )
        return drawn + (drawn >= np.arange(self.n, dtype=np.int32)[:, None])  # skips the cell

    def pathway(self, source: slice, target: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target cell of all synapses between two spans, by source."""
        pre = self.sources[target].ravel()
        post = np.repeat(np.arange(target.start, target.stop, dtype=np.int32), IN_DEGREE)
        inside = (pre >= source.start) & (pre < source.stop)
        pre, post = pre[inside], post[inside]
        order = np.argsort(pre, kind="stable")
        return pre[order], post[order]

    def rates(self, counts: np.ndarray, seconds: float) -> dict[str, float]:
        """Return the mean rate of each population in Hz from the spikes of every cell."""
        return {name: float(counts[s].mean()) / seconds for name, s in self.spans.items()}

    def per_cell(self, name: str) -> np.ndarray:
        """Return a somatic constant of every cell, (n,), float32."""
        return self._repeated(getattr(kind, name) for kind in (SOMA, PV, SOM))

    def current(self) -> np.ndarray:
        """Return the constant somatic current of every cell in pA, (n,), float32."""
        return self._repeated(CURRENT[name] for name in POPULATIONS)

    def _repeated(self, values: Iterable[float]) -> np.ndarray:
        sizes = [span.stop - span.start for span in self.spans.values()]
        return np.repeat(np.array(list(values), np.float32), sizes)


def dendritic() -> dict[str, float]:
    """Return the constants of a dendrite and of its coupling, by the names in engines' cells."""
    dendrite = DENDRITE._asdict()
    return dendrite | {
        "C_d": dendrite.pop("C"),
        "current_d": DENDRITIC_CURRENT,
        "bap_current": BAP_CURRENT,
        "bap_first": BAP_FIRST,
        "bap_last": BAP_LAST,
        **{name: getattr(PYRAMIDAL, name) for name in ("v_calcium", "c_burst", "d_burst")},
    }


def row_pointers(sorted_rows: np.ndarray, n: int) -> np.ndarray:
    """Return where each of `n` rows begins in a sorted list of row numbers, (n + 1,)."""
    return np.concatenate([[0], np.cumsum(np.bincount(sorted_rows, minlength=n))])
