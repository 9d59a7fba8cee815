"""What is checked before a network runs: its parameters and its drive."""

from collections.abc import Collection
from typing import Any

import jax
import numpy as np

from neurogain import _checks
from neurogain.spiking import plasticity, synapses
from neurogain.spiking.engine import drives
from neurogain.spiking.network import synapse_access
from neurogain.spiking.network.arrays import DenseParams, NetworkParams, NetworkState
from neurogain.spiking.network.structure import NetworkStructure

_WAY_OUT = "Pass what was made with it, by `build` or `init`."


def check_arrays(structure: NetworkStructure, params: Any, state: Any = None) -> None:
    """Raise TypeError or ValueError for parameters or a state that are not this network's."""
    drives.check_kind("params", params, NetworkParams, of=" of this network")
    _check_owner(structure, params)
    if state is not None:
        drives.check_kind("state", state, NetworkState, of=" of this network")
        _check_names("state", "cells", state.cells, structure.sizes)
        _check_names("state", "projections", state.projections, _with_tables(structure))


def _check_owner(structure: NetworkStructure, params: NetworkParams) -> None:
    """Raise ValueError for the parameters of another network."""
    _check_names("params", "cells", params.cells, structure.sizes)
    _check_names("params", "synapses", params.synapses, structure.sizes)
    for name, used in structure.receptors:
        for compartment, receptors in used:
            own = tuple(params.synapses[name].get(compartment, ()))
            where = f"synapses[{name!r}][{compartment!r}]"
            _check_names("params", where, own, (*receptors, *own))
    _check_names("params", "projections", params.projections, _with_tables(structure))
    fixed = [] if params.fixed is None else [params.fixed]
    _check_names("params", "fixed", ["rows"] * len(fixed), ["rows"] * bool(structure.ring))
    starts = [("fixed projections", rows.start, structure.size) for rows in fixed]
    for name, table in params.projections.items():
        layout = structure.layout(name)
        there = "dense" if isinstance(table, DenseParams) else "sparse"
        if there != layout.path:
            raise ValueError(
                f"`params` must be of this network, in which {name} is {layout.path}; got a table "
                f"that is {there}. {_WAY_OUT}"
            )
        if not isinstance(table, DenseParams):
            starts.append((name, table.rows.start, layout.n_pre))
            starts.append((name, table.columns.start, layout.n_post))
    for name, start, n in starts:
        if np.shape(start)[1:] != (n + 2,):
            raise ValueError(
                f"`params` must be of this network; got a table of {name} that is not for {n} "
                f"cells, of shape {np.shape(start)}. {_WAY_OUT}"
            )


def _with_tables(structure: NetworkStructure) -> list[str]:
    """Return the projections that have a table of their own: dense and plastic ones."""
    return [w.name for w in structure.layouts if w.plastic or w.path == "dense"]


def _check_names(
    argument: str, field: str, given: Collection[str], wanted: Collection[str]
) -> None:
    """Raise ValueError unless the names are those of the network."""
    missing = [name for name in wanted if name not in given]
    more = [str(name) for name in given if name not in wanted]
    words = [f"without {', '.join(missing)}"] * bool(missing)
    words += [f"with {', '.join(more)}, not in it"] * bool(more)
    if words:
        raise ValueError(
            f"`{argument}` must be of this network; got `{field}` {', and '.join(words)}. "
            f"{_WAY_OUT}"
        )


def check(
    structure: NetworkStructure, params: Any, drive: Any, *, dt: float, key: jax.Array | None
) -> None:
    """Check parameters and drive of a network.

    Raises:
      ValueError, TypeError: names the part, the rule with its unit, the value and a way out, if
        the step is not that of the network, a part of the drive is unknown, a constant of a cell
        or rule is out of range, or weights are negative.
    """
    check_arrays(structure, params)
    if dt != structure.dt:
        raise ValueError(
            f"`dt` must be the {structure.dt:g} ms that the delays of the network were built for; "
            f"got {dt!r}. Build it again with dt={dt!r}."
        )
    _check_drive(structure, drive)
    for name, cell, size in structure.populations:
        given = drive.get(name, cell.empty_drive)
        try:
            cell.check(params.cells[name], given, dt=dt, n=size, key=key)
        except (ValueError, TypeError) as error:
            raise _checks.kind_of(error)(f"{name}: {error}") from error
    for name in (*structure.inputs, *structure.modulated):
        _check_part(name, drive.get(name, 0.0), structure.modulated)
    _check_receptors(structure, params)
    for name, table in params.projections.items():
        if table.rule is not None:
            plasticity.check(table.rule, name)
    synapse_access.check(structure, params)


def _check_drive(structure: NetworkStructure, drive: Any) -> None:
    if not isinstance(drive, dict):
        raise TypeError(
            "`drive` of a network must be a dictionary by population; got "
            f"{type(drive).__name__}. Pass {{{structure.populations[0][0]!r}: ...}}."
        )
    known = (*structure.sizes, *structure.inputs, *structure.modulated)
    for name in drive:
        if name not in known:
            way_out = _way_out(structure, name)
            raise ValueError(f"`drive` must be for {', '.join(known)}; got {name!r}. {way_out}")


def _way_out(structure: NetworkStructure, name: str) -> str:
    """Return what makes a network take a drive of this name."""
    if name in (layout.name for layout in structure.layouts):
        return "A modulator needs plasticity=ThreeFactor(...) in the projection."
    population, _, receptor = name.partition(".")
    if receptor and population in structure.sizes:
        return f"Jumps of a conductance need Population(..., inputs=({receptor!r},))."
    return "Look for a misspelt name."


def _check_receptors(structure: NetworkStructure, params: NetworkParams) -> None:
    receptors = {name: dict(used) for name, used in structure.receptors}
    for name, compartments in params.synapses.items():
        for compartment, own in compartments.items():
            synapses.check(own)
            for receptor in set(own) - set(receptors.get(name, {}).get(compartment, ())):
                _check_absent(f"{name}, {compartment}", receptor, own[receptor].jump)


def _check_absent(where: str, receptor: str, jump: Any) -> None:
    """Raise ValueError if a receptor that the network was built without is to open by itself."""
    if jump is not None and _checks.is_concrete(jump) and np.any(np.asarray(jump) != 0):
        raise ValueError(
            f"`{receptor}.jump` of {where}, must be 0 nS, since the network was built without it; "
            f"got {jump!r}. Build it again with synapses={{...: SynapseParams(...)}}, for instance "
            "SynapseParams(adaptation_jump=...)."
        )


def _check_part(name: str, value: Any, modulated: tuple[str, ...]) -> None:
    drives.check_number(f"drive[{name!r}]", value, "a number, or one that changes in time")
    if name in modulated:
        for amount in drives.numbers(value):
            _checks.in_range(f"drive[{name!r}]", amount, "finite, in 1/ms", np.isfinite, "0.001")
        return
    rule = "a jump of at least 0 nS, without Gaussian noise"
    if isinstance(value, drives.Noise):
        raise ValueError(
            f"`drive[{name!r}]` must be {rule}; got {value!r}. Pass PoissonInput(10.0, 0.3)."
        )
    amounts = (value.weight,) if isinstance(value, drives.PoissonInput) else drives.numbers(value)
    for amount in amounts:
        holds = lambda x: (x >= 0) & (x < np.inf)  # noqa: E731
        _checks.in_range(f"drive[{name!r}]", amount, rule, holds, "Pass PoissonInput(10.0, 0.3).")
