"""The benchmark network in hand-vectorised, event-driven NumPy.

One vectorised pass over the cells a step, one scatter-add over the synapses of the cells that
spiked. One thread.
"""

import numpy as np

from benchmarks.measure import timed
from benchmarks.networks import _network as net
from benchmarks.networks._engine import Prepared


def available() -> str | None:
    """Return the version of NumPy."""
    return np.__version__


class Synapses:
    """Outgoing synapses of all cells, and incoming plastic ones of pyramidal cells."""

    def __init__(self, network: net.Network):
        """Sort them; a synapse's slot is the place it adds to in the conductances of all cells."""
        n, n_pyr = network.n, network.pyramidal
        pyr, rest = slice(0, n_pyr), slice(n_pyr, n)
        pre, post = network.pathway(rest, slice(0, n))
        dendritic = (pre >= n_pyr + network.pv) & (post < n_pyr)
        slot = np.where(dendritic, 2 * n + post, n + post)
        excitatory, target = network.pathway(pyr, rest)
        weight = np.repeat(np.float32([net.GABA, net.AMPA]), [len(pre), len(excitatory)])
        source = np.concatenate([pre, excitatory])
        self.fixed = Outgoing(source, np.concatenate([slot, target]), weight, n)
        pre, post = network.pathway(pyr, pyr)
        self.plastic = Outgoing(pre, post, np.full(len(pre), net.AMPA, np.float32), n)
        self.incoming = np.argsort(post, kind="stable")
        self.incoming_source = pre[self.incoming]
        self.incoming_pointer = net.row_pointers(post, n)


class Outgoing:
    """Synapses sorted by source."""

    def __init__(self, source: np.ndarray, slot: np.ndarray, weight: np.ndarray, n: int):
        """Sort them."""
        order = np.argsort(source, kind="stable")
        self.slot, self.weight = slot[order].astype(np.int64), weight[order]
        self.pointer = net.row_pointers(source, n)


def ranges(pointer: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the places of all entries of some rows."""
    begin, length = pointer[rows], pointer[rows + 1] - pointer[rows]
    ends = np.cumsum(length)
    return np.arange(ends[-1]) + np.repeat(begin - ends + length, length)


def depress(synapses: Synapses, weight: np.ndarray, fired: np.ndarray, trace: np.ndarray) -> None:
    """Lower the weights out of cells whose spikes arrive, by the trace of the others' spikes."""
    out = ranges(synapses.plastic.pointer, fired)
    weight[out] = np.maximum(weight[out] - net.A_MINUS * trace[synapses.plastic.slot[out]], 0)


def potentiate(
    synapses: Synapses, weight: np.ndarray, fired: np.ndarray, trace: np.ndarray
) -> None:
    """Raise the weights into the cells that fired, by the trace of what arrived before."""
    places = ranges(synapses.incoming_pointer, fired)
    into = synapses.incoming[places]
    raised = weight[into] + net.A_PLUS * trace[synapses.incoming_source[places]]
    weight[into] = np.minimum(raised, net.W_MAX)


def simulate(
    network: net.Network, synapses: Synapses, steps: int, plastic: bool, seed: int
) -> np.ndarray:
    """Return the number of spikes of every cell."""
    n, n_pyr = network.n, network.pyramidal
    rng = np.random.Generator(np.random.SFC64(seed))
    C, k, v_r, v_t, v_peak, a, b, c, d = (network.per_cell(name) for name in net.SOMA._fields)
    D, f32 = net.DENDRITE, np.float32
    rate, rate_d, current = f32(net.DT) / C, f32(net.DT / D.C), network.current()
    a_dt = f32(net.DT) * a
    v, u = v_r.copy(), np.zeros(n, f32)
    vd, w = np.full(n_pyr, D.E_leak, f32), np.zeros(n_pyr, f32)
    age, count = np.full(n_pyr, 1 << 20), np.zeros(n, np.int64)
    g = np.zeros(2 * n + n_pyr, f32)  # nS: AMPA and GABA of somata, GABA of dendrites
    arrived, emitted = np.zeros(n, f32), np.zeros(n, f32)  # traces of spikes
    sent = np.zeros(0, np.int64)  # cells that fired in the step before
    weight = synapses.plastic.weight.copy()
    for _ in range(steps):
        mean = g * f32(net.MEAN)
        ampa, gaba, gaba_d = mean[:n], mean[n : 2 * n], mean[2 * n :]
        noise = rng.standard_normal(n, f32)
        noise *= f32(net.NOISE)
        calcium = vd >= net.PYRAMIDAL.v_calcium
        arriving = (age >= net.BAP_FIRST) & (age <= net.BAP_LAST)
        leak = vd - f32(D.E_leak)
        inflow = f32(D.g_ca) / (1 + np.exp((f32(D.E_ca) - vd) / f32(D.D_ca)))
        inflow += w + f32(net.DENDRITIC_CURRENT) + f32(net.BAP_CURRENT) * arriving
        inflow += f32(net.E_GABA) * gaba_d - f32(D.g_leak) * leak
        vd = (vd + rate_d * inflow) / (1 + rate_d * gaba_d)
        w += f32(net.DT / D.tau_w) * (f32(D.a_w) * leak - w)
        above = v - v_r
        inflow = k * above * (v - v_t) - u + current + noise + f32(net.E_GABA) * gaba
        v = (v + rate * inflow) / (1 + rate * (ampa + gaba))
        u += a_dt * (b * above - u)
        g *= f32(net.DECAY)
        arrived *= f32(net.TRACE_DECAY)
        emitted *= f32(net.TRACE_DECAY)
        age += 1
        fired = np.flatnonzero(v >= v_peak)
        v[fired], u[fired] = c[fired], u[fired] + d[fired]
        pyramidal = fired[: np.searchsorted(fired, n_pyr)]
        bursting = pyramidal[calcium[pyramidal]]
        v[bursting] = net.PYRAMIDAL.c_burst
        u[bursting] += net.PYRAMIDAL.d_burst - net.SOMA.d
        age[pyramidal] = 1
        count[fired] += 1
        if plastic and len(pyramidal):
            potentiate(synapses, weight, pyramidal, arrived)
        if len(sent):
            out = ranges(synapses.fixed.pointer, sent)
            np.add.at(g, synapses.fixed.slot[out], synapses.fixed.weight[out])
        from_pyramidal = sent[: np.searchsorted(sent, n_pyr)]
        if len(from_pyramidal):
            if plastic:
                depress(synapses, weight, from_pyramidal, emitted)
            out = ranges(synapses.plastic.pointer, from_pyramidal)
            np.add.at(g, synapses.plastic.slot[out], weight[out])
            arrived[from_pyramidal] += 1
        emitted[pyramidal] += 1
        sent = fired
    return count


def prepare(network: net.Network, plastic: bool, seconds: float) -> Prepared:
    """Sort the synapses; nothing is compiled."""
    synapses, steps = Synapses(network), round(seconds * 1000 / net.DT)

    def run(seed: int) -> tuple[float, np.ndarray]:
        return timed(simulate, network, synapses, steps, plastic, seed)

    return Prepared({1: run}, {1: 0.0})
