"""What is checked of populations and projections before they are built."""

from collections.abc import Mapping
from typing import Any, get_args

import jax
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks
from neurogain.spiking import synapses
from neurogain.spiking.cell import check_cell
from neurogain.spiking.engine import drives
from neurogain.spiking.network.spec import Path, Population, Projection, receptors_of
from neurogain.spiking.synapses import SynapseParams

MAX_CELLS = 2**31 - 2  # of a population: they are counted in 32 bits


def check_projection(name: str, one: Projection, populations: Mapping[str, Population]) -> None:
    """Check that a projection's populations, compartment and receptors are there.

    Raises:
      ValueError: names the field, the rule, the value and a way out.
    """
    if not isinstance(one, Projection):
        raise TypeError(
            f"`projections` must hold Projection(...); {name} is {one!r:.200}. Pass for instance "
            'Projection("source", "target", connectivity.AllToAll(), 0.5).'
        )
    for field in ("source", "target"):
        known_name = isinstance(getattr(one, field), str) and getattr(one, field) in populations
        if not known_name:
            raise ValueError(
                f"`{field}` of {name} must be one of {', '.join(populations)}; got "
                f"{getattr(one, field)!r}."
            )
    if isinstance(one.connectivity, type) or not hasattr(one.connectivity, "connect"):
        raise TypeError(
            f"`connectivity` of {name} must be a rule of neurogain.spiking.connectivity; got "
            f"{one.connectivity!r}. Pass for instance FixedInDegree(10)."
        )
    known = populations[one.target].cell.compartments
    if one.compartment not in known:
        kind = f"a compartment of {one.target}"
        raise ValueError(
            f"`compartment` of {name} must be {kind}, {' or '.join(known) or 'which has none'}; "
            f"got {one.compartment!r}."
        )
    receptors = receptors_of(populations[one.target], one.compartment)
    _check_shares(f"`receptor` of {name}", one.receptor, receptors)
    check_path(f"`path` of {name}", one.path)


def _check_shares(what: str, given: object, receptors: SynapseParams) -> None:
    """Check that receptors are there, and that their shares are numbers of at least 0."""
    if not isinstance(given, str | Mapping):
        raise TypeError(
            f"{what} must be a name, or shares by name; got {given!r:.200}. Pass for instance "
            '{"ampa": 1.0, "nmda": 0.5}.'
        )
    if not given:
        raise ValueError(f"{what} must name at least one; got {given!r}.")
    shares = dict.fromkeys([given], 1.0) if isinstance(given, str) else given
    for receptor, share in shares.items():
        _check_receptor(what, receptor, receptors)
        is_number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
        if not is_number or not 0 <= share < np.inf:
            raise (ValueError if is_number else TypeError)(
                f"{what} must give {receptor} a share of at least 0; got {share!r:.200}. Pass for "
                f"instance {{{receptor!r}: 1.0}}."
            )


def check_path(what: str, path: str) -> None:
    """Raise ValueError for an unknown path."""
    if path not in get_args(Path):
        raise ValueError(f"{what} must be {', '.join(get_args(Path))}; got {path!r}.")


def check_population(name: str, one: Population) -> None:
    """Check size, receptors and inputs of a population.

    Raises:
      ValueError, TypeError: names the field, the rule, the value and a way out.
    """
    if not isinstance(one, Population):
        raise TypeError(
            f"`populations` must hold Population(...); {name} is {one!r:.200}. Pass for instance "
            "Population(LIFCell(), LIFParams(), 100)."
        )
    is_whole = isinstance(one.size, int | np.integer) and not isinstance(one.size, bool)
    if not is_whole or not 1 <= one.size <= MAX_CELLS:
        raise ValueError(
            f"`size` of {name} must be a whole number of cells, at most {MAX_CELLS}; got "
            f"{one.size!r}."
        )
    check_cell(f"`cell` of {name}", one.cell)
    if not isinstance(one.synapses, Mapping):
        raise TypeError(
            f"`synapses` of {name} must be a dictionary by compartment; got {one.synapses!r}. Pass "
            'for instance {"soma": SynapseParams()}.'
        )
    known = one.cell.compartments
    for compartment, params in one.synapses.items():
        if compartment not in known:
            raise ValueError(
                f"`synapses` of {name} must be for {' or '.join(known) or 'nothing'}; got "
                f"{compartment!r}."
            )
        _check_synapses(f"{name}, {compartment}", params, one.size)
    if isinstance(one.inputs, str) or not all(isinstance(x, str) for x in _listed(one.inputs)):
        raise TypeError(
            f"`inputs` of {name} must be a tuple of texts; got {one.inputs!r:.200}. Pass for "
            'instance ("soma.ampa",).'
        )
    for text in one.inputs:
        compartment, _, receptor = text.partition(".")
        if compartment not in known:
            raise ValueError(
                f"`inputs` of {name} must be for {' or '.join(known) or 'nothing'}; got {text!r}. "
                'Pass for instance "soma.ampa".'
            )
        _check_receptor(f"`inputs` of {name}", receptor, receptors_of(one, compartment))


def check_name(what: str, name: object) -> None:
    """Raise an error unless a name is a text without dots, which separate it from its parts."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"A {what}'s name must be a text, not empty; got {name!r:.200}.")
    if what == "population" and "." in name:
        raise ValueError(f"A {what}'s name must not have a dot in it; got {name!r}.")


def _listed(values: Any) -> tuple[Any, ...]:
    """Return what is in a list or tuple; of anything else, itself."""
    return tuple(values) if isinstance(values, list | tuple) else (values,)


def _check_synapses(where: str, params: SynapseParams, size: int) -> None:
    """Check the receptors of a compartment: kind, shapes, constants, then methods and gates."""
    if not isinstance(params, SynapseParams):
        raise TypeError(f"`synapses` of {where}, must be SynapseParams(...); got {params!r}.")
    for path, value in jax.tree_util.tree_flatten_with_path(params)[0]:
        field = jax.tree_util.keystr(path).lstrip(".")
        drives.check_array(f"synapses of {where}.{field}", value, size)
    synapses.check(params)
    for name in params:
        receptor = params[name]
        _checks.members(f"{name} in {where},", receptor, synapses.ReceptorModel)
        if isinstance(receptor, synapses.Receptor) and receptor.gate is not None:
            _check_gate(f"`gate` of {name} in {where},", receptor.gate, size)


def _check_gate(what: str, gate: Any, size: int) -> None:
    """Raise an error unless a gate is a function of potentials that returns a share for each."""
    if not _checks.is_function(gate) or _checks.why_not(gate, None):
        raise TypeError(
            f"{what} must be a function of the potential in mV; got {gate!r:.200}. Pass "
            "synapses.nmda_gate, or None."
        )

    def check(v: jax.Array) -> None:
        share = gate(v)
        is_array = isinstance(share, int | float | np.generic | np.ndarray | jax.Array)
        if not is_array or np.shape(share) not in ((), (size,)):
            got = f"shape {np.shape(share)}" if is_array else f"{share!r:.200}"
            raise (ValueError if is_array else TypeError)(
                f"{what} must return the share that is open in each cell, shape ({size},); got "
                f"{got}. Pass for instance synapses.nmda_gate."
            )

    with jax.numpy_dtype_promotion("standard"):
        jax.eval_shape(check, jax.ShapeDtypeStruct((size,), np.float32))


def _check_receptor(what: str, receptor: str, receptors: SynapseParams) -> None:
    """Raise ValueError unless a receptor is there, and opens by spikes that arrive."""
    known = synapses.open_to_spikes(receptors)
    if receptor not in known:
        way_out = ""
        if receptor not in receptors:
            own = f"{receptor}=Receptor(tau=..., E=...)" if str(receptor).isidentifier() else "..."
            way_out = f" One of your own is added by SynapseParams({own}) in `synapses`."
        raise ValueError(f"{what} must be one of {', '.join(known)}; got {receptor!r}.{way_out}")


def check_values(what: str, values: ArrayLike, unit: str, synapse_count: int) -> np.ndarray:
    """Return values, one per synapse.

    Raises:
      ValueError, TypeError: if the shape is another, or values are negative or not finite.
    """
    array = _checks.to_numbers(values)
    if array is None:
        raise TypeError(f"{what} must be numbers, in {unit}; got {values!r:.200}.")
    if array.shape not in ((), (synapse_count,)):
        raise ValueError(
            f"{what} must be one number, or one per synapse, shape ({synapse_count},); got shape "
            f"{array.shape}."
        )
    wrong = ~((array >= 0) & (array <= np.finfo(np.float32).max))  # infinite in float32
    if wrong.any():
        raise ValueError(
            f"{what} must be at least 0 and finite, in {unit}; got {array[wrong].flat[0]}."
            + (" Inhibition is a receptor (gaba_a), not a sign." if unit == "nS" else "")
        )
    return np.broadcast_to(array, (synapse_count,))
