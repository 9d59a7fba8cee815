"""What `neurogain bridge` can be told."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from neurogain import bridge, results
from neurogain.bridge import Circuit
from neurogain.continual import stream_specs
from neurogain.continual.protocol import Protocol
from neurogain.continual.stream_specs import StreamOptions, StreamSpec
from neurogain.continual.streams import Stream
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.stream_models import MODELS
from neurogain.experiments.training import SeedsOnStream, Widths
from neurogain.options import Count, OneOf, Rule, Seed, Whole, by_default, finite, positive

RATES = {"sgd": (0.01, 0.03, 0.1, 0.3), "averaged": (3e-4, 7e-4, 1.4e-3, 3e-3)}
OF_SPIKING = {"sgd": (0.003, 0.01, 0.03, 0.1), "averaged": RATES["averaged"]}
_RATES = Rule("positive and finite", lambda x: (x > 0) & (x < np.inf))


class Kind(NamedTuple):
    """A source of the gain."""

    summary: str
    follows: str = ""  # the source whose course of the gain it takes


SOURCES = {
    "none": Kind("no gain"),
    "leaky": Kind("leaky integrator of the entropy"),
    "offline": Kind("curve measured in spikes"),
    "spikes": Kind("circuit that runs between updates"),
    "mean": Kind("the circuit's mean, held", "spikes"),
    "late": Kind("the circuit's course, later", "spikes"),
    "yoked": Kind("the circuit's course of another seed", "spikes"),
    "scaled": Kind("the circuit's course, as large as the integrator's", "spikes"),
}
"""The controls at the end take the gains of the circuit."""


@dataclasses.dataclass(frozen=True)
class BridgeConfig(SeedsOnStream):
    """The stability gap under gains of several sources, cortical ones among them.

    All sources have one budget: a learning rate each, the one with the highest average anytime
    accuracy on tuning seeds. The curve of the cortical gain is measured first and stays.
    """

    benchmark: str | StreamSpec = "split-digits"
    """A stream of stability-gap that trains an MLP or spiking cells."""
    sources: Annotated[tuple[str, ...], OneOf(tuple(SOURCES))] = (
        "none", "leaky", "offline", "spikes",
    )  # fmt: skip
    """none: no gain; leaky: the leaky integrator of the entropy; offline: the measured curve, read
    at the noradrenaline that the entropy calls for; spikes: a circuit that runs between updates;
    controls with its gains: mean: held at their mean; late: `late` updates later; yoked: of another
    seed, shifted by up to `jitter` updates; scaled: as large as those of the integrator."""
    inner: Annotated[Literal["sgd", "averaged"], OneOf(tuple(RATES))] = "sgd"
    """The optimizer under the gain: SGD; averaged: clipped Adam whose weights are averaged, as in
    the preset two-timescale."""
    rates: Annotated[tuple[float, ...] | None, _RATES] = by_default(
        "0.01 0.03 0.1 0.3, of spiking cells 0.003 0.01 0.03 0.1; averaged: 0.0003 0.0007 0.0014 "
        "0.003"
    )
    """Learning rates to choose from."""
    seeds: Count = 3
    """Each sets the initial weights, the batches and the circuit's noise, for all sources."""
    first_seed: Seed = 0
    """The seeds are first_seed, first_seed + 1, ..."""
    tuning_seeds: Count = 2
    """Seeds on which rates are chosen, from 2000 on."""
    iterations: Count = 200
    """Updates per task."""
    batch_size: Count = 64
    """Images per update."""
    dense: int | None = by_default("all")
    """Updates at the start of each task behind each of which is evaluated; the gap lies there."""
    sparse: int | None = by_default("none; required with `dense`")
    """Updates between evaluations behind the first dense ones."""
    model: Annotated[Literal["mlp", "spiking"] | None, OneOf(("mlp", "spiking"))] = by_default(
        "that of the stream"
    )
    """What is trained; spiking: layers of spiking cells, whose mean read-out decides."""
    hidden: Widths = (100,)
    """Widths of the hidden layers of the MLP."""
    cell: Annotated[str, OneOf(tuple(CELLS))] = "lif"
    """Kind of the spiking cells that are trained."""
    cells: Widths = (200,)
    """Numbers of spiking cells in each hidden layer."""
    steps: Count = 50
    """Steps of 1 ms that spiking cells see an example."""
    strength: Annotated[float, finite("dimensionless")] = 1.0
    """Factor of all effects of neuromodulators in the tables; 1: as they are."""
    pyramidal: Annotated[int, Whole(2)] = 120
    """Pyramidal cells, half in each arm; even."""
    pv: Count = 40
    """PV cells."""
    som: Count = 40
    """SOM cells."""
    ms_per_update: Annotated[float, positive("ms")] = 50.0
    """ms that the circuit runs between updates, a multiple of 0.25."""
    full: Annotated[float, positive("nats")] = 1.0
    """Entropy beyond the expected one that calls for a full burst of the locus coeruleus."""
    curve_seeds: Annotated[int, Whole(2)] = 5
    """Seeds of the measured curve."""
    curve_duration: Annotated[float, positive("ms")] = 2000.0
    """ms, of each point of the curve."""
    late: Count = 150
    """Updates by which the control is late."""
    jitter: Count = 20
    """Updates by which the yoked control is shifted, at most."""
    data_dir: Path | None = by_default("TFDS's own")
    """Folder of sets prepared by TensorFlow Datasets (TFDS)."""

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The learning rates to choose from."""
        known = OF_SPIKING if self.model_name == "spiking" else RATES
        return tuple(self.rates or known[self.inner])

    @property
    def stream_options(self) -> StreamOptions:
        """What the run asks of the stream."""
        return StreamOptions(data_dir=self.data_dir)

    @property
    def protocol(self) -> Protocol:
        """The training protocol."""
        return Protocol(
            iterations=self.iterations, batch_size=self.batch_size, dense=self.dense,
            sparse=self.sparse,
        )  # fmt: skip

    @property
    def tuning_range(self) -> range:
        """The tuning seeds."""
        return range(2000, 2000 + self.tuning_seeds)

    def circuit(self) -> Circuit:
        """Return the circuit that is measured, and that runs."""
        return bridge.microcircuit(self.pyramidal, self.pv, self.som, strength=self.strength)

    @property
    def model_name(self) -> stream_specs.Model:
        """Name of what is trained."""
        return self.model or self.spec.model

    @property
    def input_code(self) -> str:
        """How spiking cells see a number."""
        return "latency" if self.spec.model == "spiking" else "current"

    def network(self, stream: Stream) -> Any:
        """Return the network that learns."""
        return MODELS[self.model_name].build(self, stream)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        named: dict[str, Any] = {
            "benchmark": self.spec.name, "rates": self.learning_rates, "model": self.model_name,
        }  # fmt: skip
        return results.plain(dataclasses.replace(self, **named))

    def _check_together(self) -> None:
        super()._check_together()
        self.protocol.check()
        self._require("sources", bool(self.sources), "name at least one", "Pass none spikes.")
        distinct = len({*self.sources}) == len(self.sources)
        self._require("sources", distinct, "name none twice", "Leave it out once.")
        for name in self.sources:
            for needed in _needed(name):
                here = needed in self.sources
                self._require("sources", here, f"have {needed}, for {name}", f"Add {needed}.")
        self._require("pyramidal", self.pyramidal % 2 == 0, "be even", self.pyramidal + 1)
        steps = self.ms_per_update / 0.25
        rule = "be a multiple of the circuit's step, 0.25 ms"
        self._require("ms_per_update", abs(steps - round(steps)) < 1e-6, rule, 50.0)
        some = len(self.learning_rates) == len({*self.learning_rates})
        self._require("rates", some, "hold none twice", "Leave it out once.")
        single = self.seeds > 1 or "yoked" not in self.sources
        self._require("seeds", single, "be at least 2 for yoked", 2)
        fit = [s.name for s in stream_specs.STREAMS.values() if _serves(s)]
        rule = f"be a stream that trains an MLP or spiking cells, one of {', '.join(fit)}"
        self._require("benchmark", _serves(self.spec), rule, f"Pass {fit[0]}.")
        others = {"mlp": ("cell", "cells", "steps"), "spiking": ("hidden",)}[self.model_name]
        for name in others:
            untouched = getattr(self, name) == getattr(type(self), name)
            rule = f"be left out where the model is {self.model_name}"
            self._require(name, untouched, rule, "Choose the other model.")


def _serves(spec: StreamSpec) -> bool:
    """Return whether the experiment runs on a stream."""
    return spec.model in ("mlp", "spiking") and not spec.required


def _needed(name: str) -> tuple[str, ...]:
    """Return the sources without which one can't be run."""
    own = SOURCES[name].follows
    return (own, *(("leaky",) if name == "scaled" else ())) if own else ()
