"""An experiment that costs nothing: sums of seeds, for tests of the runner."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from neurogain.runner import Experiment, Job, Part


@dataclasses.dataclass(frozen=True)
class ToyConfig:
    """Sums."""

    names: tuple[str, ...] = ("a", "b")
    """Which."""
    seeds: int = 3
    """How many."""
    factor: float = 2.0
    """Of each seed."""

    def check(self) -> None:
        """Raise ValueError for a bad factor."""
        if self.factor < 0:
            raise ValueError(f"`factor` must be at least 0; got {self.factor}.")


class Numbers(NamedTuple):
    """Of each seed."""

    value: Float[np.ndarray, "seed step"]
    time_ms: Float[np.ndarray, " step"]


class Total(NamedTuple):
    """Of all seeds."""

    total: Float[np.ndarray, ""]
    count: Int[np.ndarray, ""]


RAN: list[tuple[str, tuple[int, ...]]] = []  # parts and seeds that were run, in order


def parts(config: ToyConfig) -> Iterator[Part]:
    def numbers(name: str) -> Any:
        def run(job: Job) -> Numbers:
            RAN.append((name, job.seeds))
            job.show(1, 2, "half")
            seeds = np.array(job.seeds, float)
            return Numbers(config.factor * seeds[:, None] + np.arange(2.0), np.arange(2.0))

        return run

    seeds, axes = tuple(range(config.seeds)), {"step": np.arange(2)}
    for name in config.names:
        yield Part(name, Numbers, numbers(name), axes, seeds=seeds, settings={"name": name})

    def total(job: Job) -> Total:
        RAN.append(("total", ()))
        values = [one.value for one in job.needed.values()]
        return Total(np.asarray(np.sum(values)), np.asarray(np.size(values)))

    yield Part(
        f"total,{config.seeds} of {','.join(config.names)}", Total, total, needs=config.names
    )


def summarize(config: ToyConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    label = list(found)[-1]
    return {
        "config": EXPERIMENT.as_json(config),
        "mean": {name: found[name].value.mean(axis=1).tolist() for name in config.names},
        "total": float(found[label].total),
    }


def figures(result: Any) -> dict[str, Any]:
    return {"means": means}


def means(result: Any) -> Any:
    from neurogain.plotting.style import Figure

    figure = Figure(figsize=(2, 2))
    plot(figure.subplots(), result)
    return figure


def plot(axes: Any, result: Any) -> None:
    for name, values in result.metrics["mean"].items():
        axes.plot(values, label=name)


EXPERIMENT = Experiment(
    name="toy",
    summary="Sums of seeds.",
    config=ToyConfig,
    parts=parts,
    summarize=summarize,
    table=lambda metrics: f"total {metrics['total']:g}",
    seconds=lambda config: 1.0,
    figures=__name__,
    grows=("names", "seeds"),
)
