"""What experiments share that train methods on a stream of tasks."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from neurogain import results
from neurogain.continual import methods, stream_specs
from neurogain.continual.method import Method
from neurogain.continual.stream_specs import StreamOptions, StreamSpec
from neurogain.continual.streams import Stream
from neurogain.options import Options, Rule


def _each_at_least_1(widths: np.ndarray) -> np.ndarray:
    return widths >= 1 if widths.size else np.array(False)


Widths = Annotated[tuple[int, ...], Rule("widths of at least 1 unit", _each_at_least_1)]
Blocks = Annotated[tuple[int, ...], Rule("at least 1 block a stage", _each_at_least_1)]


class SeedsOnStream(Options):
    """A configuration with a stream and seeds."""

    benchmark: str | StreamSpec
    first_seed: int
    seeds: int | None

    @property
    def seed_range(self) -> range:
        """The seeds."""
        assert self.seeds is not None  # a configuration where it may be overrides this
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def spec(self) -> StreamSpec:
        """The stream that the benchmark names, or that it is."""
        return stream_specs.find(self.benchmark)

    @property
    def stream_options(self) -> StreamOptions:
        """What the run asks of the stream."""
        return StreamOptions()

    def _check_together(self) -> None:
        self._require("first_seed", self.seed_range.stop <= 2**32, "be below 2^32 - seeds", 0)


class TrainingOptions(SeedsOnStream):
    """A configuration with a stream, methods and seeds."""

    optimizers: tuple[str | Method, ...]

    def parse_methods(self) -> dict[str, Method]:
        """Return the methods by label, as `methods.parse_all`."""
        return methods.parse_all(self.optimizers, sensitivity=self.spec.sensitivity)

    def labelled(self) -> Iterator[tuple[str, str, Method]]:
        """Yield the methods: label of the part, label in metrics.json, method."""
        for label, named in zip(
            methods.texts(self.optimizers), self.parse_methods().items(), strict=True
        ):
            yield label, *named

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        names = {
            "benchmark": self.spec.name,
            "optimizers": tuple(methods.texts(self.optimizers)),
        }
        return results.plain(dataclasses.replace(self, **names))


def load_stream(config: SeedsOnStream) -> Stream:
    """Load the data and build the stream; errors as in `StreamSpec.build`."""
    return _load(config.spec, config.stream_options)


@functools.lru_cache(maxsize=1)  # the runner asks for it when it runs, and when it sums up
def _load(spec: StreamSpec, options: StreamOptions) -> Stream:
    return spec.build(options)
