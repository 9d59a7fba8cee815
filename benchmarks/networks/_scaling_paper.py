"""What a network needs on one device and on a mesh of host devices, for `network_scaling`.

Counted are the bytes of the arrays that a device holds, in networks that small machines can hold;
they grow by a line with the number of cells, along which they are drawn out. What devices exchange
is read off XLA's program.
"""

import math
import os
import re
from typing import Any

import jax
import numpy as np

from benchmarks.measure import call
from benchmarks.networks._network import IN_DEGREE
from benchmarks.networks._scaling import drive, scaled
from neurogain.spiking import rollout

_GATHERED = re.compile(r"= \(?(?:pred|[a-z]+(\d+))\[([\d,]*)\][^=]* all-gather(?:-start)?\(")
_OTHERS = re.compile(r" (?:all-reduce|all-to-all|collective-permute|reduce-scatter)(?:-start)?\(")
SIZES, CELLS = (2000, 4000, 8000), 1_000_000  # counted, the first as a check; drawn out to
DURATION = 0.9  # ms; `rollout` then compiles its step once


def held(tree: Any) -> int:
    """Return the bytes of all arrays on the first device."""
    leaves = [x for x in jax.tree.leaves(tree) if isinstance(x, jax.Array)]
    return sum(x.addressable_shards[0].data.nbytes for x in leaves)


def exchanged(network: Any, params: Any, state: Any) -> tuple[float, int]:
    """Return the bytes that all-gathers of a step return, and the number of other collectives."""

    def run(params: Any, state: Any) -> Any:
        task = {"duration": DURATION, "dt": network.dt, "key": jax.random.key(0)}
        return rollout(network, params, drive(1.0), state=state, **task).state

    program, total = jax.jit(run).lower(params, state).compile().as_text(), 0.0
    for bits, shape in _GATHERED.findall(program):
        sizes = [int(axis) for axis in shape.split(",") if axis]
        total += math.prod(sizes) * int(bits or 8) / 8  # pred, without a number, has a byte
    return total, len(_OTHERS.findall(program))


def count(devices: int) -> list[dict[str, Any]]:
    """Return a row a variant, on one and on all of this process's devices."""
    rows = []
    for variant in ("static", "stdp"):
        for mesh in (None, jax.make_mesh((devices,), ("cells",))):
            sizes = []
            for n in SIZES:
                network, params = scaled(n, IN_DEGREE, variant == "stdp", mesh)
                state = network.init(params)
                sizes.append([held((params.fixed, params.projections)), held(state)])
            first, *last = np.array(sizes, float)
            slope = (last[1] - last[0]) / (SIZES[2] - SIZES[1])
            params_bytes, state_bytes = last[1] + slope * (CELLS - SIZES[2])
            all_, others = (0.0, 0) if mesh is None else exchanged(network, params, state)
            number = 1 if mesh is None else devices
            rows.append({
                "cells": CELLS, "in_degree": IN_DEGREE, "variant": variant, "devices": number,
                "params_bytes": params_bytes, "state_bytes": state_bytes,
                "total_bytes": params_bytes + 2 * state_bytes,
                "gathered_bytes_per_cell": all_ / SIZES[2],
                "received_bytes_per_step": all_ / SIZES[2] * CELLS * (number - 1) / number,
                "other_collectives": others,
                "off_the_line": float(
                    np.abs((last[0] - slope * (SIZES[1] - SIZES[0])) / first - 1).max()
                ),
            })  # fmt: skip
    return rows


def on_paper(devices: int) -> list[dict[str, Any]]:
    """Return what one device and a mesh need, from a process with that many host devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    return call(count, devices, XLA_FLAGS=flags, JAX_PLATFORMS="cpu")
