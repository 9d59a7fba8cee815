"""Which figures a Go/No-Go run has, and what each shows; `panels` and `modulators` draw them."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.go_nogo import modulators, panels
from neurogain.experiments.go_nogo.conditions import CONDITIONS
from neurogain.experiments.go_nogo.config import YOKED_TO, GoNoGoConfig, Unit
from neurogain.experiments.go_nogo.run import WATCHED, Runs, watched
from neurogain.plotting.style import Figure

Value = Callable[[Runs], np.ndarray]
Drawn = dict[str, Callable[[], Figure]]

MAIN = ("da", "da-tuned", "da+forgetting", "da+na", "na-reset", "no-reset")
PERFORMANCE: dict[str, Value] = {"share correct": lambda r: r.correct}
CHANGED: dict[str, tuple[tuple[str, ...], dict[str, Value]]] = {
    "acetylcholine": (
        ("da", "da+ach", "da+na", "da+na+ach"),
        {"factor of the\nlearning rates": lambda r: r.learning_rate} | PERFORMANCE,
    ),
    "serotonin": (
        ("da", "da+5ht", "da+5ht-horizon", "da+na", "da+na+5ht"),
        {
            "third factor\nwhen punished": lambda r: np.where(r.reward < 0, r.dopamine, np.nan),
            "time constant of\neligibility (ms)": lambda r: r.tau_c,
        }
        | PERFORMANCE,
    ),
}
"""What the figure of a modulator shows: conditions, its own last, and quantities by label."""


def figures(config: GoNoGoConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]) -> Drawn:
    """Return what draws each figure, by name."""
    shifts = config.agent().task.starts[1:]
    drawn: Drawn = {
        "performance": functools.partial(panels.performance, metrics, MAIN, shifts),
        "success": functools.partial(panels.success, metrics),
        "entropies": functools.partial(panels.entropies, metrics, MAIN),
    }
    if any(config.levels()[1]):
        drawn["overtraining"] = functools.partial(panels.overtraining, metrics)
    if YOKED_TO in config.conditions:
        levels = {v: found[Unit(YOKED_TO, v, 0).label].noradrenaline for v in config.levels()[0]}
        drawn["noradrenaline"] = functools.partial(panels.noradrenaline, levels, shifts[0], metrics)
    if "da" in config.conditions:
        drawn["lucky"] = functools.partial(_lucky, config, found, metrics)
    if YOKED_TO in config.conditions:
        drawn["trial"] = functools.partial(_trial, config, found)
    for modulator, (names, quantities) in CHANGED.items():
        if names[-1] in config.conditions:
            drawn[modulator] = functools.partial(
                _changes, config, found, modulator, names, quantities
            )
    return drawn


def plot(
    axes: Axes, config: GoNoGoConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw the share correct over trials at the first validity, a line per condition."""
    del found
    validity, names = config.levels()[0][0], [n for n in MAIN if n in config.conditions]
    names = names or list(config.conditions)
    panels.curves(axes, metrics, validity, names, config.agent().task.starts[1:])
    axes.set(xlabel="trial", ylabel="share correct, blocks of 20 trials")
    axes.set_title(f"feedback valid in {validity:.0%}", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _lucky(config: GoNoGoConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]) -> Figure:
    """Return the figure of the seeds of DA alone that learned, and of those that did not."""
    runs = found[Unit("da", config.levels()[0][0], 0).label]
    learned = np.array(metrics["conditions"]["da"]["post_shift_success"]["per_seed"], bool)
    return panels.lucky(runs.correct, learned, config.agent().task.starts[1], "DA alone")


def _trial(config: GoNoGoConfig, found: Mapping[str, Any]) -> Figure:
    """Return the figure of three trials of the first seed under DA + NA."""
    shown = found[f"{WATCHED},{Unit(YOKED_TO, config.levels()[0][0], 0).label}"]
    _, shift, end = watched(config)
    titles = (
        "last trial before the shift",
        "first trial after it",
        f"{end - shift} trials later",
    )
    layout = config.agent().layout
    counts = (*layout.excitatory, *layout.inhibitory)
    groups = [f"{g}, {kind}" for kind in "EI" for g in ("Go", "No-Go", "critic")]
    trials = {title: type(shown)(*(x[i] for x in shown)) for i, title in enumerate(titles)}
    return panels.one_trial(trials, groups, np.cumsum(counts).tolist())


def _changes(
    config: GoNoGoConfig,
    found: Mapping[str, Any],
    modulator: str,
    names: tuple[str, ...],
    quantities: Mapping[str, Value],
) -> Figure:
    """Return the figure of what a modulator changes, at the first and the last validity."""
    validities = config.levels()[0]
    places = dict.fromkeys((validities[0], validities[-1]))
    chosen = [name for name in names if name in config.conditions]

    def curves(value: Value) -> modulators.Curves:
        return {
            CONDITIONS[name].summary: {v: value(found[Unit(name, v, 0).label]) for v in places}
            for name in chosen
        }

    return modulators.changes(
        {label: curves(value) for label, value in quantities.items()},
        config.agent().task.starts[1],
        f"What {modulator} changes ({config.seeds} seeds, 95 % t-intervals)",
    )
