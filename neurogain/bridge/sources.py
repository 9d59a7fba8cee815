"""Sources of an optimizer's gain that come from spikes: measured beforehand, or while it learns."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Key

from neurogain import _checks
from neurogain.bridge.circuit import Circuit
from neurogain.bridge.curve import GainCurve
from neurogain.neuromod import NeuromodParams, systems, tables
from neurogain.neuromod.amounts import Mean, unexpected
from neurogain.neuromod.systems import NeuromodState
from neurogain.optim import GainSource
from neurogain.spiking import rollout, simulate

RECEPTOR = "alpha1"  # whose lag behind noradrenaline the gain has


class OfflineState(NamedTuple):
    """State of an `offline` source."""

    systems: NeuromodState
    mean: Mean  # of the uncertainty


class OnlineState(NamedTuple):
    """State of an `online` source."""

    circuit: Any  # of the model
    mean: Mean  # of the uncertainty
    spikes: Float[Array, ""]  # of the last updates, weighted
    bursts: Float[Array, ""]
    slope: Float[Array, ""]  # Hz/nA, in the last update
    updates: Int[Array, ""]
    key: Key[Array, ""]


def offline(
    curve: GainCurve,
    *,
    full: float = 1.0,
    average: float = 0.99,
    ms_per_update: float = 50.0,
    params: NeuromodParams | None = None,
) -> GainSource:
    """Return the gain of a measured curve, at the noradrenaline that uncertainty calls for.

    Uncertainty beyond its running mean calls for bursts of the locus coeruleus, as in
    `neuromod.amounts.noradrenaline`; the curve is read at the concentration whose alpha-1 receptors
    are as active, at rest, as they are now.

    Args:
      curve: of noradrenaline.
      full, average, ms_per_update, params: as for `neuromod.amounts.noradrenaline`.

    Raises:
      ValueError, TypeError: if the curve is of another system, or a number is out of range.

    Example:
      >>> from neurogain.bridge import measure, pyramidal_cells
      >>> task = {"seeds": range(2), "duration": 200.0, "warm_up": 100.0}
      >>> source = offline(measure(pyramidal_cells(20, strength=8.0), [500.0], **task))
      >>> gain, _ = source.update(source.init(), 0.5)
      >>> float(gain)  # at a mean of 0.5, too
      1.0
    """
    _check_curve(curve)
    constants = tables.standard() if params is None else params
    systems.check(constants)
    of_locus = unexpected(full, average, ms_per_update)
    if RECEPTOR not in constants.receptors.get(curve.system, {}):
        raise ValueError(
            f"`params` must have {curve.system} with receptors {RECEPTOR}; got systems "
            f"{', '.join(constants.kinetics) or 'none'}. Pass tables.standard()."
        )
    receptor = constants.receptors[curve.system][RECEPTOR]
    tonic = constants.kinetics[curve.system].tonic

    def init() -> OfflineState:
        start = Mean(*(jnp.zeros(()) for _ in Mean._fields))
        return OfflineState(systems.init(constants), start)

    def update(state: OfflineState, uncertainty: ArrayLike) -> tuple[Array, OfflineState]:
        drives, mean = of_locus(state.mean, jnp.asarray(uncertainty, jnp.float32))
        after = systems.step(constants, state.systems, drives, dt=ms_per_update)
        c = _concentration(after.activation[RECEPTOR], tonic, receptor.K, receptor.n)
        return curve.at(c), OfflineState(after, mean)

    return GainSource(init, update)


def _concentration(activation: Array, tonic: Any, K: Any, n: Any) -> Array:
    """Return the concentration (nM) at which an activation is at rest."""
    bound = tonic**n / (K**n + tonic**n) + activation
    bound = jnp.clip(bound, 0, 1 - 1e-6)
    c = K * (bound / (1 - bound)) ** (1 / n)
    return jnp.where(activation == 0, tonic, c)


def online(
    circuit: Circuit,
    curve: GainCurve,
    *,
    key: Key[Array, ""],
    full: float = 1.0,
    average: float = 0.99,
    ms_per_update: float = 50.0,
    warm_up: float = 2000.0,
    calibrate: float = 20_000.0,
    memory: float = 0.8,
) -> GainSource:
    """Return the gain of a circuit that runs between updates, read from its burst fraction.

    The burst fraction has far less sampling error than the slope between the arms, which the state
    has too; the curve tells which gain belongs to it. It is weighted over the last updates. The
    gain is taken over its mean while nothing is unexpected, which is read before the first update.

    Args:
      circuit: that runs; its locus coeruleus answers the uncertainty beyond its running mean.
      curve: of noradrenaline, measured on such a circuit.
      key: of the circuit's noise.
      full, average, ms_per_update: as for `neuromod.amounts.noradrenaline`; the last in whole steps
        of the circuit.
      warm_up: ms at tonic levels before the first update.
      calibrate: ms behind that, over which that mean is taken.
      memory: weight in [0, 1) of the updates before in the burst fraction.

    Raises:
      ValueError, TypeError: if the curve is of another system, a number is out of range, or the
        circuit can't be run.

    Example:
      >>> from neurogain.bridge import measure, pyramidal_cells
      >>> circuit = pyramidal_cells(20, strength=8.0)
      >>> curve = measure(circuit, [500.0], seeds=range(2), duration=200.0, warm_up=100.0)
      >>> source = online(circuit, curve, key=jax.random.key(0), warm_up=50.0, calibrate=500.0)
      >>> gain, state = jax.jit(source.update)(source.init(), 0.5)
      >>> bool(gain > 0), int(state.updates)
      (True, 1)
    """
    _check_curve(curve)
    _checks.key("key", key)
    for name, value in (("warm_up", warm_up), ("calibrate", calibrate)):
        _checks.positive(name, value, "ms", "2000.0")
    _checks.one_number("memory", memory, "in [0, 1)", lambda x: (x >= 0) & (x < 1), "0.8")
    of_locus = unexpected(full, average, ms_per_update)
    steps = ms_per_update / circuit.dt
    if abs(steps - round(steps)) > 1e-6 or round(steps) < 1:
        raise ValueError(
            f"`ms_per_update` must be a multiple of the circuit's step, {circuit.dt:g} ms; got "
            f"{ms_per_update}. Pass {max(1, round(steps)) * circuit.dt:g}."
        )
    rest, tonic, running = jax.random.split(key, 3)
    warm = simulate(
        circuit.model, circuit.params, circuit.drive, duration=warm_up, key=rest, dt=circuit.dt,
        record=circuit.record,
    )  # fmt: skip

    def raw(state: OnlineState, uncertainty: ArrayLike) -> tuple[Array, OnlineState]:
        drives, mean = of_locus(state.mean, jnp.asarray(uncertainty, jnp.float32))
        found = between(circuit, state, drives.surprise, ms_per_update, circuit.record)
        spikes, bursts = (
            memory * before + jnp.sum(found.recorded[x])
            for x, before in (("spikes", state.spikes), ("bursts", state.bursts))
        )
        slope = circuit.read(found.recorded, ms_per_update).slope
        after = OnlineState(found.state, mean, spikes, bursts, slope, state.updates + 1, state.key)
        return curve.of_bursts(bursts / jnp.maximum(spikes, 1)), after

    zero = jnp.zeros(())
    usual = ms_per_update / warm_up / (1 - memory)  # what memory holds, over the counts so far
    spikes, bursts = (jnp.sum(jnp.asarray(warm.recorded[x])) * usual for x in ("spikes", "bursts"))
    start = OnlineState(
        circuit=jax.tree.map(jnp.asarray, warm.state),
        mean=Mean(zero, zero),
        spikes=spikes,
        bursts=bursts,
        slope=zero,
        updates=jnp.zeros((), jnp.int32),
        key=tonic,
    )
    start, gains = _tonic(raw, start, max(1, round(calibrate / ms_per_update)))
    level = float(np.mean(gains))
    begin = jax.tree.map(
        _on_host, start._replace(mean=Mean(zero, zero), updates=jnp.zeros((), jnp.int32))
    )

    def init() -> OnlineState:
        return jax.tree.map(jnp.asarray, begin)._replace(key=running)

    def update(state: OnlineState, uncertainty: ArrayLike) -> tuple[Array, OnlineState]:
        gain, after = raw(state, uncertainty)
        return gain / level, after

    return GainSource(init, update)


def between(
    circuit: Circuit, state: OnlineState, surprise: ArrayLike, duration: float, record: Any
) -> Any:
    """Return the run of a circuit between two updates, whose noise is of the state's key.

    Args:
      circuit: that runs.
      state: behind the first of the two.
      surprise: of the locus coeruleus, in [0, 1], per ms.
      duration: ms.
      record: recorders.
    """
    return rollout(
        circuit.model, circuit.params, {**circuit.drive, "neuromod.surprise": surprise},
        state=state.circuit, duration=duration, dt=circuit.dt, record=record,
        key=jax.random.fold_in(state.key, state.updates),
    )  # fmt: skip


def _tonic(raw: Any, state: OnlineState, updates: int) -> tuple[OnlineState, Array]:
    """Return the state behind updates in which nothing is unexpected, and the gains."""

    def step(state: OnlineState, _: None) -> tuple[OnlineState, Array]:
        gain, state = raw(state, 0.0)
        return state, gain

    run = jax.jit(lambda start: jax.lax.scan(step, start, length=updates))
    found: tuple[OnlineState, Array] = run(state)
    return found


def _on_host(x: Any) -> Any:
    """Return an array of the host, which nobody can donate; a random key as it is."""
    return x if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else np.asarray(x)


def sampling_error(
    source: GainSource, updates: int = 200, *, uncertainty: float = 0.0
) -> dict[str, float]:
    """Return how the gain of a source scatters while nothing surprises it.

    Args:
      source: any.
      updates: number of them.
      uncertainty: of all of them.

    Returns:
      "mean" and "sd" over updates, and "se", the standard error of the mean from blocks of 20
      updates, since updates near each other share their spikes.

    Example:
      >>> from neurogain.optim import leaky_integrator
      >>> sampling_error(leaky_integrator(), 40)
      {'mean': 1.0, 'sd': 0.0, 'se': 0.0}
    """
    _checks.whole("updates", updates, 40)
    if not all(callable(getattr(source, x, None)) for x in ("init", "update")):
        raise TypeError(f"`source` must be a GainSource; got {source!r:.200}.")

    def step(state: Any, _: None) -> tuple[Any, Array]:
        gain, state = source.update(state, uncertainty)
        return state, jnp.asarray(gain)

    run = jax.jit(lambda state: jax.lax.scan(step, state, length=updates)[1])
    gains = np.asarray(run(source.init()), float)
    blocks = gains[: len(gains) // 20 * 20].reshape(-1, 20).mean(axis=1)
    return {
        "mean": float(gains.mean()),
        "sd": float(gains.std()),
        "se": float(blocks.std(ddof=1) / np.sqrt(len(blocks))),
    }


def _check_curve(curve: object) -> None:
    if not isinstance(curve, GainCurve):
        raise TypeError(f"`curve` must be a GainCurve; got {curve!r:.200}. Pass bridge.measure().")
    if curve.system != "noradrenaline":
        raise ValueError(
            f"`curve` must be of noradrenaline, which the locus releases; got {curve.system!r}."
        )
