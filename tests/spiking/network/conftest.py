"""A small layer-5 circuit as explicit lists of synapses, built by neurogain and run in NumPy."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    synapses,
)
from neurogain.spiking.connectivity import Listed
from neurogain.spiking.plasticity import PairSTDP

DT = 0.1
SIZES = {"pyr": 16, "pv": 8, "som": 8}
CELLS = {"pyr": cells.L5_PYRAMIDAL, "pv": cells.PV, "som": cells.SOM}
SOMA = np.linspace(700.0, 1500.0, SIZES["pyr"])  # pA
DENDRITE = np.linspace(600.0, 100.0, SIZES["pyr"])
COUPLING = np.linspace(0.2, 0.9, SIZES["pyr"])
POINT = {"pv": np.linspace(90.0, 300.0, SIZES["pv"]), "som": np.linspace(60.0, 200.0, SIZES["som"])}
TAU = {"ampa": 6.0, "nmda": 100.0, "gaba_a": 6.0, "adaptation": 2000.0}  # ms
REVERSAL = {"ampa": 0.0, "nmda": 0.0, "gaba_a": -75.0, "adaptation": -80.0}  # mV
A_PLUS, A_MINUS, TAU_STDP = 0.05, 0.04, 20.0  # of 1 nS; ms
RULE = PairSTDP(lambda_=A_PLUS, alpha=A_MINUS / A_PLUS)

# source, target, compartment, shares of receptors, in-degree, largest weight, longest delay, rule
KINDS = {
    "recurrent": ("pyr", "pyr", "soma", {"ampa": 1.0, "nmda": 0.25}, 5, 1.5, 40, None),
    "apical": ("pyr", "pyr", "dendrite", {"ampa": 0.5, "nmda": 0.5}, 6, 1.0, 13, RULE),
    "to_pv": ("pyr", "pv", "soma", {"ampa": 1.0}, 6, 1.0, 25, None),
    "to_som": ("pyr", "som", "soma", {"ampa": 1.0}, 4, 0.8, 1, RULE),
    "perisomatic": ("pv", "pyr", "soma", {"gaba_a": 1.0}, 4, 2.0, 12, None),
    "dendritic": ("som", "pyr", "dendrite", {"gaba_a": 1.0}, 4, 3.0, 30, None),
    "disinhibition": ("som", "pv", "soma", {"gaba_a": 1.0}, 3, 1.0, 1, None),
}


def synapse_lists(seed=0):
    """Return synapses in order of the postsynaptic cell, then of the presynaptic one."""
    rng = np.random.default_rng(seed)
    lists = {}
    for name, (source, target, compartment, shares, k, most, longest, rule) in KINDS.items():
        post = np.repeat(np.arange(SIZES[target]), k)
        rows = [rng.choice(SIZES[source], k, replace=False) for _ in range(SIZES[target])]
        count = len(post)
        steps = np.unique(np.linspace(1, longest, 4).astype(int))  # each is a matrix if dense
        delay = np.full(count, longest) if rule else rng.choice(steps, count)
        weight = rng.uniform(0.1 * most, most, count).astype(np.float32).astype(float)
        lists[name] = SimpleNamespace(
            source=source, target=target, compartment=compartment, shares=shares, rule=rule,
            pre=np.sort(rows, axis=1).ravel(), post=post, weight=weight, delay=delay,
        )  # fmt: skip
    return lists


def circuit(path="sparse", *, lists=None, rules=None, mesh=None, coupling="mean-field", dt=DT):
    """Build the circuit of these lists; `rules` replaces those of some projections."""
    lists = synapse_lists() if lists is None else lists
    kinds = {"pyr": PyramidalCell(coupling), "pv": IzhikevichCell(), "som": IzhikevichCell()}
    own = {"pyr": {"soma": synapses.SOMA, "dendrite": synapses.DENDRITE}}
    populations = {
        name: Population(kind, CELLS[name], SIZES[name], own.get(name, {}))
        for name, kind in kinds.items()
    }
    projections = {}
    for name, one in lists.items():
        rule = (rules or {}).get(name, one.rule)
        projections[name] = Projection(
            one.source, one.target, Listed(one.pre, one.post), one.weight, one.compartment,
            one.shares, dt * (one.delay if rule is None else one.delay[0]), rule,
        )  # fmt: skip
    return build(populations, projections, dt=dt, key=jax.random.key(0), path=path, mesh=mesh)


def currents():
    """Return a current of its own for each cell."""
    pyramidal = PyramidalDrive(Drive(SOMA), Drive(DENDRITE), COUPLING)
    return {"pyr": pyramidal, **{name: Drive(current) for name, current in POINT.items()}}


class NumpyCircuit:
    """The circuit in NumPy, float64, step by step, synapse by synapse."""

    def __init__(self, lists, steps):
        self.lists, self.steps = lists, steps
        self.spikes = {name: np.zeros((steps, n), bool) for name, n in SIZES.items()}
        self.weights = {name: one.weight.copy() for name, one in lists.items()}
        self.places = [("pyr", "soma"), ("pyr", "dendrite"), ("pv", "soma"), ("som", "soma")]
        self.g = {p: {r: np.zeros(SIZES[p[0]]) for r in TAU} for p in self.places}
        self.jumps = {(p, r): np.zeros((steps + 60, SIZES[p[0]])) for p in self.places for r in TAU}
        for t in range(steps):
            self._cells(t)
            for name, one in lists.items():
                (self._static if one.rule is None else self._plastic)(t, name, one)
            self._conductances(t)

    def _pull(self, place, v):
        """Return the sums of g and of g E, with the means of g over the step."""
        g = {r: x * TAU[r] / DT * (1 - np.exp(-DT / TAU[r])) for r, x in self.g[place].items()}
        m = ((v + 80) / 60) ** 2
        g["nmda"] = g["nmda"] * m / (1 + m)
        if place == ("pyr", "soma"):
            g["nmda"] = np.minimum(g["nmda"], 85.0)
        return sum(g.values()), sum(g[r] * REVERSAL[r] for r in g)

    def _soma(self, p, v, u, current, c, d, place):
        g, pull = self._pull(place, v)
        force = p.k * (v - p.v_r) * (v - p.v_t) - u + current + pull
        v_next = (v + DT / p.C * force) / (1 + DT / p.C * g)
        u_next = u + DT * p.a * (p.b * (v - p.v_r) - u)
        spike = v_next >= p.v_peak
        return np.where(spike, c, v_next), np.where(spike, u_next + d, u_next), spike

    def _cells(self, t):
        p = CELLS["pyr"]
        n = SIZES["pyr"]
        if t == 0:
            self.v = {"pyr": np.full(n, p.soma.v_r, float)}
            self.v |= {name: np.full(SIZES[name], CELLS[name].v_r, float) for name in POINT}
            self.u = {name: np.zeros(size) for name, size in SIZES.items()}
            self.v_d, self.w = np.full(n, p.dendrite.E_leak, float), np.zeros(n)
            self.last = np.full(n, -(10**9))
        since = t - self.last
        back = (since >= 5) & (since <= 25)  # 0.5 to 2.5 ms
        burst = (self.v_d >= p.v_calcium) * COUPLING
        c = p.soma.c + burst * (p.c_burst - p.soma.c)
        d = p.soma.d + burst * (p.d_burst - p.soma.d)
        q, v = p.dendrite, self.v_d
        g, pull = self._pull(("pyr", "dendrite"), v)
        calcium = q.g_ca / (1 + np.exp(-(v - q.E_ca) / q.D_ca))
        current = DENDRITE + p.bap_current * back * COUPLING + pull
        force = calcium - q.g_leak * (v - q.E_leak) + self.w + current
        self.v_d = (v + DT / q.C * force) / (1 + DT / q.C * g)
        self.w = self.w + DT / q.tau_w * (q.a_w * (v - q.E_leak) - self.w)
        for name in SIZES:
            if name == "pyr":
                args = (p.soma, self.v[name], self.u[name], SOMA, c, d)
            else:
                r = CELLS[name]
                args = (r, self.v[name], self.u[name], POINT[name], r.c, r.d)
            self.v[name], self.u[name], spike = self._soma(*args, (name, "soma"))
            self.spikes[name][t] = spike
        self.last[self.spikes["pyr"][t]] = t

    def _send(self, one, which, weight, at):
        for receptor, share in one.shares.items():
            target = self.jumps[(one.target, one.compartment), receptor]
            np.add.at(target, (at, one.post[which]), share * weight[which])

    def _static(self, t, name, one):
        which = np.flatnonzero(self.spikes[one.source][t][one.pre])
        self._send(one, which, self.weights[name], t + one.delay[which])

    def _plastic(self, t, name, one):
        """Potentiate by this step's spikes, then depress by what arrives at its end."""
        weight, delay = self.weights[name], one.delay[0]
        for s in np.flatnonzero(self.spikes[one.target][t][one.post]):
            arrivals = np.flatnonzero(self.spikes[one.source][: t + 1, one.pre[s]]) + delay
            before = arrivals[arrivals < t]
            rise = A_PLUS * np.exp(-DT * (t - before) / TAU_STDP).sum()
            weight[s] = min(weight[s] + rise, 1.0)
        if t < delay:
            return
        which = np.flatnonzero(self.spikes[one.source][t - delay][one.pre])
        for s in which:
            before = np.flatnonzero(self.spikes[one.target][:t, one.post[s]])
            fall = A_MINUS * np.exp(-DT * (t - before) / TAU_STDP).sum()
            weight[s] = max(weight[s] - fall, 0.0)
        self._send(one, which, weight, t)

    def _conductances(self, t):
        for place in self.places:
            for receptor, g in self.g[place].items():
                g *= np.exp(-DT / TAU[receptor])
                g += self.jumps[place, receptor][t]
        self.g["pyr", "soma"]["adaptation"] += 0.065 * self.spikes["pyr"][t]


@pytest.fixture(scope="session", name="circuits")
def _circuits():
    """Everything above, under one name."""
    return SimpleNamespace(
        dt=DT, sizes=SIZES, kinds=KINDS, rule=RULE, soma=SOMA, lists=synapse_lists, build=circuit,
        currents=currents, in_numpy=NumpyCircuit,
    )  # fmt: skip
