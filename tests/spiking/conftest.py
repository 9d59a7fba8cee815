"""NumPy oracles of the cells, float64, written from design/models.md, and a scan over a kernel."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest


def soma_step(p, v, u, current, g, E, c, d, dt):
    force = p.k * (v - p.v_r) * (v - p.v_t) - u + current + g * E
    v_next = (v + dt / p.C * force) / (1 + dt / p.C * g)
    u_next = u + dt * p.a * (p.b * (v - p.v_r) - u)
    spike = v_next >= p.v_peak
    return np.where(spike, c, v_next), np.where(spike, u_next + d, u_next), spike


def dendrite_step(p, v, w, current, g, E, dt):
    calcium = p.g_ca / (1 + np.exp(-(v - p.E_ca) / p.D_ca))
    force = -p.g_leak * (v - p.E_leak) + calcium + w + current + g * E
    v_next = (v + dt / p.C * force) / (1 + dt / p.C * g)
    return v_next, w + dt * (p.a_w * (v - p.E_leak) - w) / p.tau_w


def izhikevich(p, current, *, n, steps, g=0.0, E=0.0, dt=0.1):
    v, u = np.full(n, p.v_r, float), np.zeros(n)
    out = SimpleNamespace(spike=np.zeros((steps, n), bool), v=np.zeros((steps, n)))
    out.u = np.zeros((steps, n))
    for t in range(steps):
        v, u, spike = soma_step(p, v, u, current, g, E, p.c, p.d, dt)
        out.v[t], out.u[t], out.spike[t] = v, u, spike
    return out


def dendrite(p, current, *, n, steps, g=0.0, E=0.0, dt=0.1):
    v, w = np.full(n, p.E_leak, float), np.zeros(n)
    out = SimpleNamespace(v=np.zeros((steps, n)), w=np.zeros((steps, n)))
    for t in range(steps):
        v, w = dendrite_step(p, v, w, current, g, E, dt)
        out.v[t], out.w[t] = v, w
    return out


def pyramidal(
    p, soma, dendritic, coupling, *, n, steps, soma_g=(0.0, 0.0), dendrite_g=(0.0, 0.0),
    dt=0.1, rng=None,
):  # fmt: skip
    """Both ways are open to the extent of `coupling`, or drawn with that probability by `rng`."""
    v, u = np.full(n, p.soma.v_r, float), np.zeros(n)
    v_d, w = np.full(n, p.dendrite.E_leak, float), np.zeros(n)
    last_spike = np.full(n, -(10**9))
    first, final = round(p.bap_start / dt), round(p.bap_end / dt)
    names = ("v", "u", "v_d", "w", "burst")
    out = SimpleNamespace(**{name: np.zeros((steps, n)) for name in names})
    out.spike = np.zeros((steps, n), bool)
    for t in range(steps):
        if rng is None:
            back = forth = coupling
        else:
            back, forth = rng.random((2, n)) < coupling
        since = t - last_spike
        bap = np.where((since >= first) & (since <= final), p.bap_current, 0.0) * back
        reaches = (v_d >= p.v_calcium) * forth
        c = (1 - reaches) * p.soma.c + reaches * p.c_burst
        d = (1 - reaches) * p.soma.d + reaches * p.d_burst
        v_d, w = dendrite_step(p.dendrite, v_d, w, dendritic + bap, *dendrite_g, dt)
        v, u, spike = soma_step(p.soma, v, u, soma, *soma_g, c, d, dt)
        last_spike[spike] = t
        out.v[t], out.u[t], out.v_d[t], out.w[t] = v, u, v_d, w
        out.spike[t], out.burst[t] = spike, spike * reaches
    return out


def trajectory(step, state, steps):
    """Return the state after, and the info of, every step; `step` takes (state, number)."""

    def body(state, i):
        state, info = step(state, i)
        return state, (state, info)

    _, out = jax.jit(lambda s: jax.lax.scan(body, s, jnp.arange(steps)))(state)
    return jax.tree.map(np.asarray, out)


@pytest.fixture(scope="session")
def reference():
    return SimpleNamespace(izhikevich=izhikevich, dendrite=dendrite, pyramidal=pyramidal)


@pytest.fixture(scope="session", name="trajectory")
def _trajectory():
    return trajectory


@pytest.fixture(scope="session")
def _compilations():
    """Details of all that is compiled; it listens to the end, as JAX 0.8.0 can't stop."""
    found = []

    def listen(event, duration, **details):
        if event.endswith("backend_compile_duration"):
            found.append(details)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return found


@pytest.fixture
def compiled(_compilations):
    """Details of what is compiled from here on."""
    _compilations.clear()
    return _compilations
