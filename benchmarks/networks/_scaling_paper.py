"""What a network needs on one device and on a mesh, from its arrays, for `network_scaling`.

`needs` counts bytes; the check builds networks that small machines can hold on a mesh of host
devices and compares with the arrays that each device then holds, and with what XLA's program
gathers in a step.
"""

import os
import re
from typing import Any

import jax

from benchmarks.measure import call
from benchmarks.networks._scaling import SHARE, drive, scaled
from benchmarks.networks._scaling_text import SMALL
from neurogain.spiking import rollout

_GATHERED = re.compile(r"= \(?(pred|[a-z]+\d+)\[([\d,]*)\][^=]* all-gather(?:-start)?\(")
_OTHERS = re.compile(r" (?:all-reduce|all-to-all|collective-permute|reduce-scatter)(?:-start)?\(")
_BITS = re.compile(r"\d+")
DURATION = 0.9  # ms; `rollout` then compiles its step once


def unit_bytes() -> dict[str, Any]:
    """Return bytes of a synapse, of a cell's state, of a trace, from arrays of a small network."""
    units: dict[str, Any] = {}
    for plastic in (False, True):
        network, params = scaled(80, 10, plastic)
        state = jax.eval_shape(lambda n=network, p=params: n.init(p))
        rows = params.fixed
        units["fixed"] = sum(x.dtype.itemsize for x in (rows.target, rows.weight))
        units["start"] = rows.start.dtype.itemsize
        units["ring"] = state.ring.shape[0]  # steps that arrivals are kept for, none here
        units["cell"] = {
            name: sum(
                x.size // size * x.dtype.itemsize
                for x in jax.tree.leaves((state.cells[name], state.synapses.get(name)))
            )
            for name, size in network.sizes.items()
        }
        for name, table in params.projections.items():
            held = state.projections[name]
            arrays = (table.rows.target, table.rows.weight, *table.columns[1:])
            units["plastic"] = sum(x.dtype.itemsize for x in arrays)
            units["changing"] = sum(x.dtype.itemsize for x in jax.tree.leaves(held.synapse_state))
            units["pre"] = sum(x.dtype.itemsize for x in (*held.pre, held.acting))
            units["post"] = sum(x.dtype.itemsize for x in held.post)
    return units


def needs(n: int, in_degree: int, plastic: bool, devices: int, units: dict) -> dict[str, float]:
    """Return what one of `devices` holds, in bytes: parameters, then the state once.

    Synapses lie with their postsynaptic cell; where rows start, and traces of presynaptic cells,
    every device holds whole.
    """
    cells = {name: round(share * n) for name, share in SHARE.items()}
    inner = cells["pyramidal"]
    own = inner * round(SHARE["pyramidal"] * in_degree) if plastic else 0
    params = (n * in_degree - own) / devices * units["fixed"] + (n + 2) * units["start"]
    state = sum(size * units["cell"][name] for name, size in cells.items()) / devices
    if plastic:
        params += own / devices * units["plastic"]
        params += (inner + 2 + inner / devices + 2) * units["start"]
        state += own / devices * units["changing"]
        state += inner * units["pre"] + inner / devices * units["post"]
    return {"params": params, "state": state, "total": params + 2 * state}


def gathered(program: str) -> tuple[float, int]:
    """Return the bytes that all-gathers of a compiled program return, and other collectives."""
    total = 0.0
    for kind, shape in _GATHERED.findall(program):
        size = 1
        for axis in filter(None, shape.split(",")):
            size *= int(axis)
        bits = _BITS.search(kind)
        total += size * (1 if bits is None else int(bits.group()) / 8)
    return total, len(_OTHERS.findall(program))


def check(devices: int) -> dict[str, Any]:
    """Compare with networks on this process's devices."""
    units = unit_bytes()
    n, in_degree = SMALL
    mesh = jax.make_mesh((devices,), ("cells",))
    result: dict[str, Any] = {"units": units}
    for variant in ("static", "stdp"):
        network, params = scaled(n, in_degree, variant == "stdp", mesh)
        state = network.init(params)

        def held(tree: Any) -> int:
            leaves = [x for x in jax.tree.leaves(tree) if isinstance(x, jax.Array)]
            return sum(x.addressable_shards[0].data.nbytes for x in leaves)

        def run(params: Any, state: Any, network: Any = network) -> Any:
            key = jax.random.key(0)
            done = rollout(
                network, params, drive(1.0), duration=DURATION, dt=network.dt, key=key, state=state
            )
            return done.state

        program = jax.jit(run).lower(params, state).compile().as_text()
        exchanged, others = gathered(program)
        expected = needs(n, in_degree, variant == "stdp", devices, units)
        measured = held((params.fixed, params.projections)), held(state)
        result[variant] = {
            "params_over_formula": measured[0] / expected["params"],
            "state_over_formula": measured[1] / expected["state"],
            "gathered_bytes_per_cell": exchanged / n,
            "other_collectives": others,
        }
    return result


def checked(devices: int) -> dict[str, Any]:
    """Return the check's result from a process with that many host devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    return call(check, devices, XLA_FLAGS=flags, JAX_PLATFORMS="cpu")
