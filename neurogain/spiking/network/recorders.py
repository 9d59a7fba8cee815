"""Recorders of a network's plastic weights, to be given to a simulation beside all others."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks
from neurogain.spiking.recorders import TraceRecord


def _check_numbers(name: str, values: Any, example: str, *, whole: bool = False) -> None:
    """Raise TypeError unless a value is a list of numbers, of whole ones if so told."""
    array = _checks.as_numbers(name, values)
    if array.ndim != 1 or (whole and array.size and array.dtype.kind not in "iu"):
        raise TypeError(
            f"`{name}` must be a tuple of {'whole ' * whole}numbers; got {values!r:.200}. Pass for "
            f"instance {name}={example}."
        )


class _OfProjection:
    """What recorders of one projection's weights share."""

    projection: str

    def check(self, model: Any) -> None:
        """Raise ValueError for a projection that is not there, or not plastic."""
        plastic = [w.name for w in getattr(model, "layouts", ()) if w.plastic]
        names = [w.name for w in getattr(model, "layouts", ())]
        if not names:
            raise ValueError(
                f"`projection` of a recorder of weights must be one of a network's; got "
                f"{self.projection!r}, and {type(model).__name__} has no projections. Record "
                "something else."
            )
        if self.projection not in names:
            raise ValueError(
                f"`projection` of a recorder of weights must be one of {', '.join(names)}; got "
                f"{self.projection!r}."
            )
        if self.projection not in plastic:
            raise ValueError(
                f"`projection` of a recorder of weights must be plastic, one of "
                f"{', '.join(plastic) or 'none here'}; got {self.projection!r}. Fixed weights are "
                "in network.synapses(params, name)."
            )

    def init(self, state: Any, info: Any) -> None:
        """Carry nothing."""

    def update(self, carry: None, state: Any, info: Any, *, step: jax.Array, dt: float) -> None:
        """Fold nothing."""


@dataclasses.dataclass(frozen=True)
class Weights(_OfProjection):
    """Weights in nS of chosen synapses, numbered as in `Network.synapses`, every `every` steps.

    Example:
      >>> import jax
      >>> from neurogain.spiking import IzhikevichCell, Population, Projection, build, cells
      >>> from neurogain.spiking import connectivity, plasticity, simulate
      >>> pv = {"pv": Population(IzhikevichCell(), cells.PV, 3)}
      >>> rule = plasticity.PairSTDP()
      >>> on = {"on": Projection("pv", "pv", connectivity.AllToAll(), 0.5, plasticity=rule)}
      >>> network, params = build(pv, on, dt=0.1, key=jax.random.key(0))
      >>> record = {"w": Weights("on", every=5)}
      >>> run = simulate(network, params, {}, duration=1.0, record=record)
      >>> run.recorded["w"].values.shape
      (2, 6)
    """

    projection: str
    every: int
    synapses: tuple[int, ...] | None = None  # None: all

    def __post_init__(self) -> None:
        """Raise ValueError for samples at no step."""
        _checks.whole("every", self.every, 1)
        if self.synapses is not None:
            _check_numbers("synapses", self.synapses, "(0, 1)", whole=True)
            object.__setattr__(self, "synapses", tuple(int(s) for s in self.synapses))

    def check(self, model: Any) -> None:
        """Raise ValueError for synapses that are not there."""
        super().check(model)
        total = next(sum(w.synapses) for w in model.layouts if w.name == self.projection)
        if self.synapses is not None and not all(0 <= s < total for s in self.synapses):
            raise ValueError(
                f"`synapses` of a recorder must be in [0, {total - 1}], the synapses of "
                f"{self.projection}; got {self.synapses!r}."
            )

    def emit(self, carry: None, state: Any, info: Any) -> jax.Array:
        """Emit the chosen weights."""
        chosen = slice(None) if self.synapses is None else np.asarray(self.synapses, int)
        return info.weights[self.projection][chosen]

    def finish(
        self, carry: None, emitted: np.ndarray, *, first_step: int, dt: float
    ) -> TraceRecord:
        """Return a `TraceRecord`, values of shape (samples, synapses)."""
        steps = first_step + self.every * (1 + np.arange(len(emitted)))
        return TraceRecord(time_ms=steps * dt, values=emitted)


class HistogramRecord(NamedTuple):
    """Histograms in time."""

    time_ms: np.ndarray  # (samples,)
    edges: np.ndarray  # (bins + 1,), nS
    counts: np.ndarray  # (samples, bins), synapses
    mean: np.ndarray  # (samples,), nS


@dataclasses.dataclass(frozen=True)
class WeightHistogram(_OfProjection):
    """How the weights of a projection are spread, every `every` steps.

    Bins are [low, high), the last one closed; weights outside are in no bin.

    Example:
      >>> import jax
      >>> from neurogain.spiking import IzhikevichCell, Population, Projection, build, cells
      >>> from neurogain.spiking import connectivity, plasticity, simulate
      >>> pv = {"pv": Population(IzhikevichCell(), cells.PV, 3)}
      >>> rule = plasticity.PairSTDP()
      >>> on = {"on": Projection("pv", "pv", connectivity.AllToAll(), 0.5, plasticity=rule)}
      >>> network, params = build(pv, on, dt=0.1, key=jax.random.key(0))
      >>> record = {"w": WeightHistogram("on", every=5, edges=(0.0, 0.4, 1.0))}
      >>> run = simulate(network, params, {}, duration=1.0, record=record)
      >>> run.recorded["w"].counts.tolist()
      [[0, 6], [0, 6]]
    """

    projection: str
    every: int
    edges: tuple[float, ...]  # nS, ascending

    def __post_init__(self) -> None:
        """Raise ValueError for samples at no step, or edges that do not ascend."""
        _checks.whole("every", self.every, 1)
        _check_numbers("edges", self.edges, "(0.0, 0.5, 1.0)")
        object.__setattr__(self, "edges", tuple(float(x) for x in self.edges))
        if len(self.edges) < 2 or not np.all(np.diff(self.edges) > 0):
            raise ValueError(f"`edges` must be at least two, ascending, in nS; got {self.edges}.")

    def emit(self, carry: None, state: Any, info: Any) -> tuple[jax.Array, jax.Array]:
        """Emit counts and mean."""
        weights = info.weights[self.projection]
        counts, _ = jnp.histogram(weights, jnp.asarray(self.edges, weights.dtype))
        return counts.astype(jnp.int32), weights.mean()

    def finish(
        self,
        carry: None,
        emitted: tuple[np.ndarray, np.ndarray],
        *,
        first_step: int,
        dt: float,
    ) -> HistogramRecord:
        """Return a `HistogramRecord`."""
        counts, mean = emitted
        steps = first_step + self.every * (1 + np.arange(len(mean)))
        return HistogramRecord(steps * dt, np.asarray(self.edges), counts, mean)
