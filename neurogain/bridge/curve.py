"""The gain of a circuit by the level of a neuromodulator, measured in spikes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from neurogain import _checks, stats
from neurogain.bridge.circuit import Circuit
from neurogain.neuromod import receptors
from neurogain.neuromod.systems import NeuromodState
from neurogain.spiking import simulate

FAR = 1e12  # ms, a clearance that holds a concentration


class GainCurve(NamedTuple):
    """Slopes and burst fractions at held concentrations, seed by seed."""

    system: str
    tonic: int  # place of the tonic level among the concentrations
    concentration: Float[np.ndarray, " level"]  # nM, ascending
    slope: Float[np.ndarray, "seed level"]  # Hz/nA, between the arms
    burst_fraction: Float[np.ndarray, "seed level"]
    rate: Float[np.ndarray, "seed level"]  # Hz

    @property
    def gain(self) -> Float[np.ndarray, " level"]:
        """The slope over that at the tonic level, both means over seeds.

        Raises:
          ValueError: if the mean tonic slope is not above 0.
        """
        return self.slope.mean(axis=0) / self._tonic_slope()

    def _tonic_slope(self) -> float:
        mean = float(self.slope[:, self.tonic].mean())
        if not mean > 0:
            raise ValueError(
                f"`slope` at the tonic level must be above 0 Hz/nA, for a gain over it; got a mean "
                f"of {mean:g}. Drive the circuit more, or measure it for longer."
            )
        return mean

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Return the interval of the gain at each concentration.

        It is the t-interval of the difference of slopes in pairs of seeds over the mean tonic
        slope, whose own error is left out; at the tonic level it is (1, 1).
        """
        _checks.one_number("level", level, "in (0, 1)", lambda x: (x > 0) & (x < 1), "0.95")
        tonic, mean = self.slope[:, [self.tonic]], self._tonic_slope()
        low, high = stats.t_interval(self.slope - tonic, level=level, axis=0)
        return np.asarray(1 + low / mean), np.asarray(1 + high / mean)

    def at(self, concentration: ArrayLike) -> Array:
        """Return the gain at a concentration (nM), by interpolation; the ends beyond them."""
        return jnp.interp(
            jnp.asarray(concentration), self.concentration.astype(np.float32),
            self.gain.astype(np.float32),
        )  # fmt: skip

    def of_bursts(self, fraction: ArrayLike) -> Array:
        """Return the gain where the burst fraction is this, by interpolation; the ends beyond."""
        mean = self.burst_fraction.mean(axis=0)
        order = np.argsort(mean)
        return jnp.interp(
            jnp.asarray(fraction), mean[order].astype(np.float32),
            self.gain[order].astype(np.float32),
        )  # fmt: skip


def held(circuit: Circuit, system: str, concentration: float) -> tuple[Any, Any]:
    """Return params and state in which a concentration stays, and its receptors are at rest.

    Raises:
      ValueError: if there is no such system, or it is wired.
    """
    neuromod = circuit.params.neuromod
    if system not in neuromod.kinetics:
        raise ValueError(f"`system` must be one of {', '.join(neuromod.kinetics)}; got {system!r}.")
    own = neuromod.kinetics[system]
    if np.shape(own.tonic):
        raise ValueError(f"`system` must have one level for all cells; {system!r} is wired.")
    kinetics = neuromod.kinetics | {system: own._replace(tau=FAR)}
    params = circuit.params._replace(neuromod=neuromod._replace(kinetics=kinetics))
    state = circuit.model.init(params)
    now: NeuromodState = state.neuromod
    c = jnp.asarray(concentration, jnp.float32)
    activation = {
        name: receptors.deviation(c, own.tonic, K=one.K, n=one.n)
        for name, one in neuromod.receptors.get(system, {}).items()
    }
    after = now._replace(
        concentration=now.concentration | {system: c}, activation=now.activation | activation
    )
    return params, state._replace(neuromod=after)


def measure(
    circuit: Circuit,
    concentrations: Sequence[float] = (0.0, 15.0, 45.0, 60.0, 90.0, 120.0, 250.0, 500.0),
    *,
    system: str = "noradrenaline",
    duration: float = 2000.0,
    warm_up: float = 500.0,
    seeds: Sequence[int] = range(10),
    progress: Callable[[int, int], None] | None = None,
) -> GainCurve:
    """Measure slope and burst fraction at held concentrations.

    Seeds share their noise over concentrations, so that differences are in pairs.

    Args:
      circuit: whose cells are read.
      concentrations: nM, in any order; the tonic level is measured, too.
      system: name of the neuromodulator.
      duration: ms, over which spikes count.
      warm_up: ms before.
      seeds: of the noise.
      progress: called with (runs done, runs in all).

    Raises:
      ValueError, TypeError: if a number is out of range, or the system is not there or wired.

    Example:
      >>> from neurogain.bridge import pyramidal_cells
      >>> circuit = pyramidal_cells(20, strength=8.0)
      >>> curve = measure(circuit, [500.0], seeds=range(2), duration=200.0, warm_up=100.0)
      >>> curve.slope.shape, float(curve.gain[0])
      ((2, 2), 1.0)
    """
    for name, value in (("duration", duration), ("warm_up", warm_up)):
        _checks.positive(name, value, "ms", "1000.0")
    if not isinstance(circuit, Circuit):
        raise TypeError(
            f"`circuit` must be a Circuit; got {circuit!r:.200}. Pass bridge.pyramidal_cells()."
        )
    held(circuit, system, 1.0)
    numbers = _seeds(seeds)
    if not np.ndim(concentrations):
        raise TypeError(
            f"`concentrations` must be several, nM; got {concentrations!r:.200}. Pass [60.0]."
        )
    tonic = float(np.asarray(circuit.params.neuromod.kinetics[system].tonic))
    given = _checks.as_numbers("concentrations", list(concentrations))
    rule = "at least 0 and finite, in nM"
    _checks.in_range("concentrations", given, rule, lambda x: (x >= 0) & (x < np.inf), "[60.0]")
    levels = np.unique([tonic, *given])
    found = []
    for k, seed in enumerate(numbers):
        row = []
        for j, level in enumerate(levels):
            row.append(_run(circuit, system, float(level), seed, warm_up, duration))
            if progress is not None:
                progress(k * len(levels) + j + 1, len(numbers) * len(levels))
        found.append(row)
    columns = np.array(found, float).transpose(2, 0, 1)
    return GainCurve(system, int(np.searchsorted(levels, tonic)), levels, *columns)


def _seeds(seeds: Any) -> list[int]:
    """Return the seeds; raise a ValueError unless they are several whole numbers."""
    numbers = list(seeds) if np.ndim(seeds) or isinstance(seeds, range) else []
    if not numbers:
        raise ValueError(
            f"`seeds` must be whole numbers, at least one; got {seeds!r:.200}. Pass range(10)."
        )
    for seed in numbers:
        _checks.whole("seeds", seed, 0)
    return [int(seed) for seed in numbers]


def _run(
    circuit: Circuit, system: str, level: float, seed: int, warm_up: float, duration: float
) -> tuple[float, ...]:
    """Return slope, burst fraction and rate at a held concentration."""
    params, state = held(circuit, system, level)
    task: dict[str, Any] = {"dt": circuit.dt, "key": jax.random.key(seed), "record": circuit.record}
    run = simulate(circuit.model, params, circuit.drive, state=state, duration=warm_up, **task)
    run = simulate(
        circuit.model, params, circuit.drive, state=run.state, first_step=run.step,
        duration=duration, **task,
    )  # fmt: skip
    return tuple(float(x) for x in circuit.read(run.recorded, duration))
