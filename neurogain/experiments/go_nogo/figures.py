"""Which figures a Go/No-Go run has, and what each shows; `panels` and `modulators` draw them."""

import functools
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.go_nogo import modulators, panels
from neurogain.experiments.go_nogo.conditions import CONDITIONS
from neurogain.experiments.go_nogo.config import YOKED_TO, Unit
from neurogain.experiments.go_nogo.run import WATCHED, Runs, watched
from neurogain.plotting import draw
from neurogain.plotting.style import Figure
from neurogain.runner import Result

Value = Callable[[Runs], np.ndarray]

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


def figures(result: Result) -> draw.Figures:
    """Return what draws each figure, by name."""
    config, metrics = result.config, result.metrics
    shifts = config.agent().task.starts[1:]
    drawn: dict[str, Callable[[], Figure]] = {
        "performance": lambda: panels.performance(metrics, MAIN, shifts),
        "success": lambda: panels.success(metrics),
        "entropies": lambda: panels.entropies(metrics, MAIN),
    }
    if any(config.levels()[1]):
        drawn["overtraining"] = lambda: panels.overtraining(metrics)
    if YOKED_TO in config.conditions:
        levels = {v: _runs(result, YOKED_TO, v).noradrenaline for v in config.levels()[0]}
        drawn["noradrenaline"] = lambda: panels.noradrenaline(levels, shifts[0], metrics)
    if "da" in config.conditions:
        drawn["lucky"] = lambda: _lucky(result)
    if YOKED_TO in config.conditions:
        drawn["trial"] = lambda: _trial(result)
    for modulator, (names, _) in CHANGED.items():
        if names[-1] in config.conditions:
            drawn[modulator] = functools.partial(_changes, result, modulator)
    return drawn


def plot(axes: Axes, result: Result) -> None:
    """Draw the share correct over trials at the first validity, a line per condition."""
    config = result.config
    validity, names = config.levels()[0][0], [n for n in MAIN if n in config.conditions]
    names = names or list(config.conditions)
    panels.curves(axes, result.metrics, validity, names, config.agent().task.starts[1:])
    axes.set(ylabel=panels.SHARE, title=f"feedback valid in {validity:.0%}")
    draw.legend(axes, loc="lower right")


def _runs(result: Result, condition: str, validity: float) -> Runs:
    """Return what was found for a condition without over-training."""
    runs: Runs = result.parts[Unit(condition, validity, 0).label]
    return runs


def _lucky(result: Result) -> Figure:
    """Return the figure of the seeds of DA alone that learned, and of those that did not."""
    config = result.config
    correct = _runs(result, "da", config.levels()[0][0]).correct
    learned = result.metrics["conditions"]["da"]["post_shift_success"]["per_seed"]
    shift = config.agent().task.starts[1]
    return panels.lucky(correct, np.array(learned, bool), shift, "DA alone")


def _trial(result: Result) -> Figure:
    """Return the figure of three trials of the first seed under DA + NA."""
    config = result.config
    shown = result.parts[f"{WATCHED},{Unit(YOKED_TO, config.levels()[0][0], 0).label}"]
    _, shift, end = watched(config)
    titles = ("last trial before the shift", "first trial after it", f"{end - shift} trials later")
    layout = config.agent().layout
    counts = (*layout.excitatory, *layout.inhibitory)
    groups = [f"{g}, {kind}" for kind in "EI" for g in ("Go", "No-Go", "critic")]
    trials = {title: type(shown)(*(x[i] for x in shown)) for i, title in enumerate(titles)}
    return panels.one_trial(trials, groups, np.cumsum(counts).tolist())


def _changes(result: Result, modulator: str) -> Figure:
    """Return the figure of what a modulator changes, at the first and the last validity."""
    config, (names, quantities) = result.config, CHANGED[modulator]
    validities = config.levels()[0]
    places = dict.fromkeys((validities[0], validities[-1]))
    chosen = [name for name in names if name in config.conditions]

    def curves(value: Value) -> modulators.Curves:
        return {
            CONDITIONS[name].summary: {v: value(_runs(result, name, v)) for v in places}
            for name in chosen
        }

    return modulators.changes(
        {label: curves(value) for label, value in quantities.items()},
        config.agent().task.starts[1],
        f"What {modulator} changes ({config.seeds} seeds, {panels.T_INTERVALS})",
    )
