"""The benchmark network in brainevent (JAX, CPU, float32).

One scan over steps; one event-driven product (Numba) with the synapses of all cells into the
conductances of all compartments, and with plasticity a second one with those of pyramidal cells on
each other, whose weights `update_csr_on_binary_pre` and `..._post` change. Noise by JAX's
default generator, Threefry, which was faster here than `rbg`. Pip: brainevent numba.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import installed, timed
from benchmarks.networks import _network as net
from benchmarks.networks._engine import Prepared
from benchmarks.networks.engines.numpy import Outgoing, Synapses

available = functools.partial(installed, "brainevent", "brainevent", "numba")


def simulation(network: net.Network, plastic: bool, steps: int) -> Any:
    """Return a function of a key that gives the spikes of every cell."""
    import brainevent

    n, n_pyr, synapses = network.n, network.pyramidal, Synapses(network)
    slots = 2 * n + n_pyr  # AMPA and GABA of somata, GABA of dendrites
    inner = synapses.plastic
    held = synapses.fixed
    if not plastic:  # all of them are
        both = (held, inner)
        source = np.concatenate([np.repeat(np.arange(n), np.diff(x.pointer)) for x in both])
        slot, weight = (np.concatenate([getattr(x, f) for x in both]) for f in ("slot", "weight"))
        held = Outgoing(source, slot, weight, n)
    fixed = brainevent.CSR(
        (
            jnp.asarray(held.weight),
            jnp.asarray(held.slot, jnp.int32),
            jnp.asarray(held.pointer, jnp.int32),
        ),
        shape=(n, slots),
    )
    shape = (n_pyr, n_pyr)
    index = jnp.asarray(inner.slot, jnp.int32)
    pointer = jnp.asarray(inner.pointer[: n_pyr + 1], jnp.int32)
    into = (
        jnp.asarray(synapses.incoming_source, jnp.int32),
        jnp.asarray(synapses.incoming_pointer[: n_pyr + 1], jnp.int32),
        jnp.asarray(synapses.incoming, jnp.int32),
    )
    C, k, v_r, v_t, v_peak, a, b, c, d = (
        jnp.asarray(network.per_cell(name)) for name in net.SOMA._fields
    )
    D, cell, current = net.DENDRITE, net.PYRAMIDAL, jnp.asarray(network.current())

    def transmit(state: dict[str, Any], weight: jax.Array, spike: jax.Array) -> Any:
        """Change the weights, add the spikes of the step before to the conductances."""
        g = state["g"] * net.DECAY + brainevent.BinaryArray(state["sent"]) @ fixed
        after = {"g": g, "sent": spike}
        if not plastic:
            return after, weight
        fired, arriving = spike[:n_pyr], state["sent"][:n_pyr]
        arrived, emitted = (state[name] * net.TRACE_DECAY for name in ("arrived", "emitted"))
        weight = brainevent.update_csr_on_binary_post(
            weight, *into, net.A_PLUS * arrived, fired, 0.0, net.W_MAX, shape=shape
        )
        weight = brainevent.update_csr_on_binary_pre(
            weight, index, pointer, arriving, -net.A_MINUS * emitted, 0.0, net.W_MAX, shape=shape
        )
        matrix = brainevent.CSR((weight, index, pointer), shape=shape)
        after["g"] = g.at[:n_pyr].add(brainevent.BinaryArray(arriving) @ matrix)
        return after | {"arrived": arrived + arriving, "emitted": emitted + fired}, weight

    def step(carry: Any, key: jax.Array) -> Any:
        state, weight = carry
        v, u, vd, w, age = (state[name] for name in ("v", "u", "vd", "w", "age"))
        ampa, gaba, gaba_d = jnp.split(state["g"] * net.MEAN, (n, 2 * n))
        arriving = (age >= net.BAP_FIRST) & (age <= net.BAP_LAST)
        inflow = D.g_ca * jax.nn.sigmoid((vd - D.E_ca) / D.D_ca) - D.g_leak * (vd - D.E_leak) + w
        inflow += net.DENDRITIC_CURRENT + net.BAP_CURRENT * arriving + net.E_GABA * gaba_d
        vd_new = (vd + net.DT / D.C * inflow) / (1 + net.DT / D.C * gaba_d)
        w = w + net.DT / D.tau_w * (D.a_w * (vd - D.E_leak) - w)
        inflow = k * (v - v_r) * (v - v_t) - u + current + net.E_GABA * gaba
        inflow += net.NOISE * jax.random.normal(key, (n,))
        v_new = (v + net.DT / C * inflow) / (1 + net.DT / C * (ampa + gaba))
        u = u + net.DT * a * (b * (v - v_r) - u)
        spike = v_new >= v_peak
        burst = jnp.pad(vd >= cell.v_calcium, (0, n - n_pyr))
        v = jnp.where(spike, jnp.where(burst, cell.c_burst, c), v_new)
        u = jnp.where(spike, u + jnp.where(burst, cell.d_burst, d), u)
        sent, weight = transmit(state, weight, spike)
        age = jnp.where(spike[:n_pyr], 0, age) + 1
        after = {"v": v, "u": u, "vd": vd_new, "w": w, "age": age}
        return (state | after | sent | {"count": state["count"] + spike}, weight), None

    @jax.jit
    def run(key: jax.Array) -> jax.Array:
        state = {
            "v": v_r,
            "u": jnp.zeros(n),
            "vd": jnp.full(n_pyr, D.E_leak),
            "w": jnp.zeros(n_pyr),
            "age": jnp.full(n_pyr, 1 << 20),
            "g": jnp.zeros(slots),
            "sent": jnp.zeros(n, bool),
            "arrived": jnp.zeros(n_pyr),
            "emitted": jnp.zeros(n_pyr),
            "count": jnp.zeros(n, jnp.int32),
        }
        carry = state, jnp.asarray(inner.weight)
        (state, _), _ = jax.lax.scan(step, carry, jax.random.split(key, steps))
        return state["count"]

    return run


def prepare(network: net.Network, plastic: bool, seconds: float) -> Prepared:
    """Compile; compilation is what the first run takes longer."""
    simulate = simulation(network, plastic, round(seconds * 1000 / net.DT))

    def run(seed: int) -> tuple[float, np.ndarray]:
        wall, counts = timed(simulate, jax.random.key(seed))
        return wall, np.asarray(counts)

    return Prepared({"XLA's": run}, {"XLA's": max(run(0)[0] - run(0)[0], 0.0)})
