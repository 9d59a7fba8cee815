"""The same training step in other libraries, as far as they are installed.

Each function takes sizes and data, and returns a function that makes one update and waits for it.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import installed

TAU_MEMBRANE, TAU_SYNAPSE, TAU_READOUT, DT = 20.0, 5.0, 20.0, 1.0  # ms


class Task(NamedTuple):
    """What every library learns from: one batch of random spikes."""

    spikes: np.ndarray  # (batch, steps, channels), 0 or 1
    labels: np.ndarray  # (batch,)
    hidden: int
    classes: int
    recurrent: bool


Step = Callable[[], Any]


def decay(tau: float) -> float:
    """Return what is left of a trace after a step."""
    return float(np.exp(-DT / tau))


def snntorch(task: Task) -> Step:
    """Return a step of snnTorch: cells with synaptic current, leaky readout, Adam."""
    import snntorch as snn
    import torch
    from snntorch import surrogate

    torch.manual_seed(0)
    options = {"spike_grad": surrogate.fast_sigmoid(), "init_hidden": False}
    kind = snn.RSynaptic if task.recurrent else snn.Synaptic
    own = {"linear_features": task.hidden} if task.recurrent else {}
    cells = kind(alpha=decay(TAU_SYNAPSE), beta=decay(TAU_MEMBRANE), **own, **options)
    readout = snn.Leaky(beta=decay(TAU_READOUT), reset_mechanism="none")
    first = torch.nn.Linear(task.spikes.shape[2], task.hidden, bias=False)
    last = torch.nn.Linear(task.hidden, task.classes)

    def logits(x: Any) -> Any:
        if task.recurrent:
            spike, current, potential = cells.init_rsynaptic()
        else:
            current, potential = cells.init_synaptic()
        v, spikes, found = readout.init_leaky(), [], []
        for now in first(x):
            if task.recurrent:
                spike, current, potential = cells(now, spike, current, potential)
            else:
                spike, current, potential = cells(now, current, potential)
            spikes.append(spike)
        for now in last(torch.stack(spikes)):
            _, v = readout(now, v)
            found.append(v)
        return torch.stack(found).amax(0)

    modules = torch.nn.ModuleList([first, cells, last, readout])
    return _torch_step(task, modules, logits)


def norse(task: Task) -> Step:
    """Return a step of Norse: cells with synaptic current, leaky readout, Adam."""
    import norse.torch as nt
    import torch

    torch.manual_seed(0)
    p = nt.LIFParameters(
        tau_syn_inv=torch.tensor(1000 / TAU_SYNAPSE), tau_mem_inv=torch.tensor(1000 / TAU_MEMBRANE)
    )
    if task.recurrent:
        cells = nt.LIFRecurrentCell(task.spikes.shape[2], task.hidden, p=p, dt=DT / 1000)
    else:
        cells = nt.LIFCell(p=p, dt=DT / 1000)
    readout = nt.LICell(dt=DT / 1000)
    first = torch.nn.Linear(task.spikes.shape[2], task.hidden, bias=False)
    last = torch.nn.Linear(task.hidden, task.classes)

    def logits(x: Any) -> Any:
        state = held = None
        spikes, found = [], []
        for now in x if task.recurrent else first(x):
            spike, state = cells(now, state)
            spikes.append(spike)
        for now in last(torch.stack(spikes)):
            v, held = readout(now, held)
            found.append(v)
        return torch.stack(found).amax(0)

    return _torch_step(task, torch.nn.ModuleList([first, cells, last, readout]), logits)


def _torch_step(task: Task, modules: Any, logits: Callable[[Any], Any]) -> Step:
    """Return an update of modules in eager PyTorch."""
    import torch

    weights = [w for w in modules.parameters() if w.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    x = torch.from_numpy(np.ascontiguousarray(task.spikes.swapaxes(0, 1)))
    labels = torch.from_numpy(task.labels.astype(np.int64))

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def spyx(task: Task) -> Step:
    """Return a step of Spyx: cells with synaptic current, leaky readout, Adam, compiled."""
    import jax
    import jax.numpy as jnp
    import optax
    import spyx.nn as spx
    from flax import nnx

    rngs = nnx.Rngs(0)

    class Net(nnx.Module):
        def __init__(self) -> None:
            self.first = nnx.Linear(task.spikes.shape[2], task.hidden, use_bias=False, rngs=rngs)
            kind = spx.RCuBaLIF if task.recurrent else spx.CuBaLIF
            alpha, beta = decay(TAU_SYNAPSE), decay(TAU_MEMBRANE)
            self.cells = kind((task.hidden,), alpha=alpha, beta=beta, rngs=rngs)
            self.last = nnx.Linear(task.hidden, task.classes, rngs=rngs)
            self.readout = spx.LI((task.classes,), beta=decay(TAU_READOUT), rngs=rngs)

        def __call__(self, x: Any) -> Any:
            driven = self.first(x)  # (steps, batch, hidden)
            states = self.cells.initial_state(x.shape[1]), self.readout.initial_state(x.shape[1])

            def cells(state: Any, now: Any) -> Any:
                spike, state = self.cells(now, state)
                return state, spike

            def readout(state: Any, now: Any) -> Any:
                v, state = self.readout(now, state)
                return state, v

            spikes = jax.lax.scan(cells, states[0], driven)[1]
            return jax.lax.scan(readout, states[1], self.last(spikes))[1].max(0)

    graph, params = nnx.split(Net())
    tx = optax.adam(1e-3)
    x, labels = jnp.asarray(task.spikes.swapaxes(0, 1)), jnp.asarray(task.labels)
    holder = [params, tx.init(params)]

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def update(params: Any, state: Any) -> Any:
        def loss(params: Any) -> Any:
            out = nnx.merge(graph, params)(x)
            return optax.softmax_cross_entropy_with_integer_labels(out, labels).mean()

        value, grads = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value

    def step() -> float:
        *holder[:], value = update(*holder)
        return float(value)

    return step


PEERS: Mapping[str, Callable[[Task], Step]] = {"spyx": spyx, "snntorch": snntorch, "norse": norse}


def there() -> dict[str, str]:
    """Return the versions of the libraries that are installed."""
    found = {name: installed(name) for name in PEERS}
    return {name: version for name, version in found.items() if version is not None}
