"""The layer-5 microcircuit: pyramidal, PV and SOM cells on a ring, and the gain of this network.

One reference run shows the network at its full weights. Then one knob at a time is changed
(dendritic drive, coupling, SOM drive, PV drive), and the f-I curve of the pyramidal population
taken at each of its levels; last, PV cells of one sector alone are driven. All units draw the same
noise, seed by seed, so that curves differ by their parameters and not by their draws.

`recurrence` multiplies the weights from pyramidal cells (onto each other, PV and SOM cells). At 1
the network fires in volleys of half a ring, and the inhibition that these recruit (PV cells at more
than 100 Hz) sets its rate, whatever happens at the dendrites. The default for the curves is 0.2, at
which cells fire apart and the rate follows the current; the ends of each knob are run at 0 and 1 as
well.

Source: Rodriguez-Garcia, Mei & Ramaswamy, arXiv 2507.03222.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from neurogain.experiments.microcircuit.config import (
    POPULATIONS,
    MicrocircuitConfig,
    Setting,
    in_sector,
)
from neurogain.jobs import Job, Part
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Network,
    Noise,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    check,
    connectivity,
    measures,
    rollout,
    simulate,
    synapses,
)
from neurogain.spiking.network import NetworkParams
from neurogain.spiking.recorders import Spikes, Traces


class Reference(NamedTuple):
    """The reference run; events, bins and traces are those of the first seed."""

    rates: Float[np.ndarray, "seed population"]  # Hz
    synchrony: Float[np.ndarray, " seed"]  # Golomb's chi of the pyramidal cells' binned spikes
    spike_time_ms: Float[np.ndarray, " event"]  # from the end of the warm-up
    spike_cell: Int[np.ndarray, " event"]  # pyramidal cells, then PV, then SOM
    binned_rate: Float[np.ndarray, "population bin"]  # Hz
    trace_time_ms: Float[np.ndarray, " sample"]
    trace: Float[np.ndarray, "sample 4"]  # mV: soma, dendrite, PV, SOM, the first cell of each


class Counts(NamedTuple):
    """Spikes of every cell in a unit: pyramidal cells, then PV, then SOM."""

    spikes: Num[np.ndarray, "seed somatic_current_pA cell"]


class Weights(NamedTuple):
    """Full weights, nS before the receptors' shares, presynaptic cells down."""

    pyramidal_to_pyramidal: Float[np.ndarray, "pre_pyramidal post_pyramidal"]
    pyramidal_to_pv: Float[np.ndarray, "pre_pyramidal post_pv"]
    pyramidal_to_som: Float[np.ndarray, "pre_pyramidal post_som"]
    pv_to_pyramidal: Float[np.ndarray, "pre_pv post_pyramidal"]
    som_to_pyramidal: Float[np.ndarray, "pre_som post_pyramidal"]


def parts(config: MicrocircuitConfig) -> Iterator[Part]:
    """Yield the weights, the reference run and a part for each setting.

    Raises:
      ValueError: if a setting can't be simulated.
    """
    for setting in config.units():
        network, params = network_of(config, setting.recurrence)
        _runner(network, config)  # made here, before threads ask for it at the same time
        for current in config.currents()[[0, -1]]:
            drive = _drive(config, current, *_values(config, setting))
            key = jax.random.key(0)
            check(
                network, params, drive, duration=config.duration, dt=config.dt, key=key, record={}
            )
    seeds = tuple(range(config.seed, config.seed + config.seeds))
    yield Part("weights", Weights, lambda job: weights_of(config))
    yield Part(
        "reference", Reference, lambda job: run_reference(config, *job.seeds),
        {"population": np.array(POPULATIONS)}, seeds=seeds, at_once=1, undefined=("synchrony",),
    )  # fmt: skip
    axes = {"somatic_current_pA": config.currents()}
    for setting in config.units():
        run = functools.partial(_job, config, setting)
        yield Part(setting.label, Counts, run, axes, seeds=seeds, at_once=1)


def seconds(config: MicrocircuitConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    points = len(list(config.units())) * len(config.currents()) * config.seeds
    cells = config.pyramidal + config.pv + config.som
    steps = points * (config.warm_up + config.duration) / config.dt
    return 20 + steps * (1e-6 + 5e-9 * cells)


def _job(config: MicrocircuitConfig, setting: Setting, job: Job) -> Counts:
    return Counts(run_unit(config, setting, *job.seeds)[None])


@functools.lru_cache(maxsize=8)
def network_of(config: MicrocircuitConfig, recurrence: float) -> tuple[Network, NetworkParams]:
    """Return the network with its weights from pyramidal cells times `recurrence`."""
    soma = {"soma": synapses.SOMA, "dendrite": synapses.DENDRITE}
    populations = {
        "pyramidal": Population(PyramidalCell(), cells.L5_PYRAMIDAL, config.pyramidal, soma),
        "pv": Population(IzhikevichCell(), cells.PV, config.pv),
        "som": Population(IzhikevichCell(), cells.SOM, config.som),
    }
    shares = {"ampa": config.ampa, "nmda": config.nmda}
    both = {"ampa": 1.0, "nmda": 1.0}
    w_ee, w_ei = config.w_ee * recurrence, config.w_ei * recurrence
    of_som = {"receptor": "gaba_a", "compartment": "dendrite"}
    table: Any = (
        ("pyramidal", "pyramidal", w_ee, config.sigma_ee, {"receptor": shares}),
        ("pyramidal", "pv", w_ei, config.sigma_ei, {"receptor": both}),
        ("pyramidal", "som", w_ei, config.sigma_ei, {"receptor": both}),
        ("pv", "pyramidal", config.w_pv, config.sigma_pv, {"receptor": "gaba_a"}),
        ("som", "pyramidal", config.w_som, config.sigma_som, of_som),
    )
    projections = {
        f"{source}_to_{target}": Projection(
            source, target, connectivity.GaussianWeights(sigma), w, delay=config.dt, **more
        )
        for source, target, w, sigma, more in table
    }
    return build(populations, projections, dt=config.dt, key=jax.random.key(0))


def weights_of(config: MicrocircuitConfig) -> Weights:
    """Return the full weights."""
    network, params = network_of(config, 1.0)
    found = {}
    for layout in network.layouts:
        one = network.synapses(params, layout.name)
        matrix = np.zeros((layout.n_pre, layout.n_post))
        matrix[one.pre, one.post] = one.weight
        found[layout.name] = matrix
    return Weights(**found)


def _values(config: MicrocircuitConfig, setting: Setting) -> tuple[Any, ...]:
    """Return the drives of a setting: dendrite, coupling, SOM, and PV cell by cell."""
    pv = setting.pv_drive + setting.sector_drive * in_sector(config)
    return setting.dendritic_drive, setting.coupling, setting.som_drive, pv.astype(np.float32)


def _drive(
    config: MicrocircuitConfig, current: Any, dendritic: Any, coupling: Any, som: Any, pv: Any
) -> dict[str, Any]:
    soma = Drive(Noise(current, config.noise))
    return {
        "pyramidal": PyramidalDrive(soma, Drive(dendritic), coupling),
        "pv": Drive(Noise(pv, config.interneuron_noise)),
        "som": Drive(Noise(som, config.interneuron_noise)),
    }


@functools.lru_cache(maxsize=8)
def _runner(network: Network, config: MicrocircuitConfig) -> Callable[..., Any]:
    """Return a compiled run of all currents of one seed."""

    def run(
        params: NetworkParams, key: Array, current: Array, values: tuple[Any, ...]
    ) -> tuple[Array, Array]:
        drive = _drive(config, current, *values)
        state, first = None, round(config.warm_up / config.dt)
        if first:
            state = rollout(
                network, params, drive, duration=config.warm_up, dt=config.dt, key=key, record={}
            ).state
        end = rollout(
            network, params, drive, duration=config.duration, dt=config.dt, key=key, state=state,
            first_step=first,
        )  # fmt: skip
        floats = [x for x in jax.tree.leaves(end.state) if jnp.issubdtype(x.dtype, jnp.floating)]
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in floats]))
        return end.recorded["spikes"], finite

    # the key is not mapped, so that the noise is drawn once for all currents
    return jax.jit(jax.vmap(run, in_axes=(None, None, 0, None)))


def run_unit(config: MicrocircuitConfig, setting: Setting, seed: int) -> np.ndarray:
    """Return spike counts of one seed of a unit, shape (currents, cells).

    Raises:
      FloatingPointError: if a state stops being finite.
    """
    network, params = network_of(config, setting.recurrence)
    current = config.currents().astype(np.float32)
    spikes, finite = _runner(network, config)(
        params, jax.random.key(seed), current, _values(config, setting)
    )
    if not bool(np.all(finite)):
        at = current[int(np.argmin(finite))]
        raise FloatingPointError(
            f"The network stopped being finite at {setting.label}, {at:g} pA, seed {seed}. "
            "Take weaker drives, or a shorter dt."
        )
    return np.asarray(spikes)


def _potentials(state: Any, info: Any) -> Array:
    del info
    pyramidal, pv, som = (state.cells[name] for name in POPULATIONS)
    return jnp.stack([x.v[0] for x in (pyramidal.soma, pyramidal.dendrite, pv, som)])


def run_reference(config: MicrocircuitConfig, seed: int) -> Reference:
    """Run the network at its full weights from one seed; errors as in `simulate`."""
    network, params = network_of(config, 1.0)
    drive = _drive(config, config.reference_current, *_values(config, config.setting()))
    duration = config.reference_duration
    run = simulate(
        network, params, drive,
        duration=config.warm_up + duration, dt=config.dt,
        key=jax.random.key(seed),
        record={"spikes": Spikes(), "v": Traces(_potentials)},
    )  # fmt: skip
    spikes, v = run.recorded["spikes"], run.recorded["v"]
    late, after = (x.time_ms > config.warm_up + config.dt / 2 for x in (spikes, v))
    time, cell = spikes.time_ms[late] - config.warm_up, spikes.cell[late]
    counts = measures.bin_counts(time, cell, n=network.size, duration=duration, width=config.bin)
    groups = [counts[network.cells_of(name)] for name in POPULATIONS]
    return Reference(
        rates=np.array([[measures.rate(g.sum(axis=1), duration).mean() for g in groups]]),
        synchrony=np.array([measures.synchrony(groups[0])]),
        spike_time_ms=time,
        spike_cell=cell,
        binned_rate=np.stack([measures.rate(g.mean(axis=0), config.bin) for g in groups]),
        trace_time_ms=v.time_ms[after] - config.warm_up,
        trace=v.values[after],
    )
