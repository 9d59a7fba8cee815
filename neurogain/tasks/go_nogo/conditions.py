"""Conditions of the agent: which neuromodulator does what, and the controls.

All constants were chosen on seeds 0 to 59 by `benchmarks/agents/go_nogo_tuning.py` and
`benchmarks/agents/go_nogo_detector.py` and then frozen; the experiment reports other seeds.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from neurogain import _checks
from neurogain.neuromod import Effect, Interaction, KineticsParams, tables
from neurogain.neuromod.systems import NeuromodParams
from neurogain.tasks.go_nogo.agent import AgentParams
from neurogain.tasks.go_nogo.environment import Task

Source = Literal["detector", "none", "random", "late", "yoked"]

LEARNING: Mapping[str, float] = {"actor_rate": 0.1, "critic_rate": 0.1, "background": 60.0}
TUNED: Mapping[str, float] = {"actor_rate": 0.1, "critic_rate": 0.15, "background": 20.0}
FORGETTING: Mapping[str, float] = {"forgetting": 0.002, "actor_rate": 0.2, "critic_rate": 0.2}
ACTIONS: Mapping[str, float] = {"gain": 0.25, "bursts": 0.5, "learning_rate": 1.25, "reset": 4.0}
"""Strength of each action of noradrenaline per unit of its receptor's activation."""
RECEPTOR_OF = {"gain": "alpha1", "bursts": "alpha1", "learning_rate": "beta", "reset": "beta"}
ACETYLCHOLINE = 2.0  # of the learning rate's logarithm, per unit of activation
OPPONENT = 0.125  # share of serotonin's activity that is taken from dopamine's
HORIZON = -1.0
"""Of the eligibility's time constant's logarithm, per unit of activation. Serotonin lengthens the
horizon in the paper; tuning chose the other sign, by less than 0.001 of accuracy."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
      summary: what it is, for tables.
      actions: strength of each action of noradrenaline.
      source: what calls for bursts of the locus coeruleus.
      changes: fields of `AgentParams`.
      acetylcholine: strength on the learning rate.
      opponent: share of serotonin's activity that is taken from dopamine's.
      horizon: strength of serotonin on the eligibility's time constant.
      control: whether it says if DA + NA is needed: without it, tuned as it is.
      overtrained: whether a sweep over over-training has it.
    """

    summary: str
    actions: Mapping[str, float] = dataclasses.field(default_factory=dict)
    source: Source = "none"
    changes: Mapping[str, float] = dataclasses.field(default_factory=dict)
    acetylcholine: float = 0.0
    opponent: float = 0.0
    horizon: float = 0.0
    control: bool = False
    overtrained: bool = False


def _na(summary: str, *names: str, **more: Any) -> Condition:
    actions = {name: ACTIONS[name] for name in names or ACTIONS}
    return Condition(summary, actions, **({"source": "detector"} | more))


def _without(name: str) -> tuple[str, ...]:
    return tuple(action for action in ACTIONS if action != name)


EARLY = 40  # first trials, in which no random burst is called for
YOKED_TO = "da+na"
"""Whose bursts the condition with the source "yoked" gets."""
_WORDS = {"gain": "gain", "bursts": "bursts", "learning_rate": "plasticity", "reset": "reset"}

CONDITIONS: Mapping[str, Condition] = {
    "da": Condition("DA alone", overtrained=True),
    "da+na": _na("DA + NA, all four actions", overtrained=True),
    "da-tuned": Condition(
        "DA, its rates and exploration tuned", changes=TUNED, control=True, overtrained=True
    ),
    "da+forgetting": Condition(
        "DA + slow forgetting, tuned", changes=FORGETTING, control=True, overtrained=True
    ),
    "na-random": _na("DA + NA, once at a random trial", source="random"),
    "na-late": _na("DA + NA, once at a random trial after the shift", source="late"),
    "na-yoked": _na("DA + NA, yoked to another run", source="yoked"),
    **{f"na-{w}": _na(f"DA + NA by {w} alone", name) for name, w in _WORDS.items()},
    **{f"no-{w}": _na(f"DA + NA without {w}", *_without(name)) for name, w in _WORDS.items()},
    "no-da": _na("NA without DA", changes={"dopamine": 0.0}),
    "no-prediction": _na("DA + NA without the predictive network", source="none"),
    "no-eligibility": _na("DA + NA without eligibility traces", changes={"tau_c": 1.0}),
    "da+ach": Condition("DA + ACh on the learning rate", acetylcholine=ACETYLCHOLINE),
    "da+na+ach": _na("DA + NA + ACh", acetylcholine=ACETYLCHOLINE),
    "da+5ht": Condition("DA + 5-HT as its opponent", opponent=OPPONENT),
    "da+5ht-horizon": Condition("DA + 5-HT on the time horizon", horizon=HORIZON),
    "da+na+5ht": _na("DA + NA + 5-HT as opponent and horizon", opponent=OPPONENT, horizon=HORIZON),
}

ABLATIONS: Mapping[str, str] = {
    "no-da": "DA",
    "da": "NA",
    "no-prediction": "the predictive network",
    "no-eligibility": "the eligibility trace",
    **{f"no-{word}": f"NA's {word}" for word in _WORDS.values()},
}
"""The condition that is left, and what is removed from DA + NA."""


def neuromodulators(condition: Condition) -> NeuromodParams:
    """Return the systems: noradrenaline stays for some 15 trials, all else is as in `tables`."""
    standard = tables.standard()
    kinetics = standard.kinetics | {
        "dopamine": tables.KINETICS["dopamine"]._replace(sensitivity=0.5),
        "noradrenaline": KineticsParams(tonic=30.0, tau=22_500.0, sensitivity=5.0),
        "acetylcholine": tables.KINETICS["acetylcholine"]._replace(sensitivity=5.0),
    }
    opponent = Interaction("serotonin", "dopamine", opponent=condition.opponent)
    return standard._replace(kinetics=kinetics, interactions=(opponent,))


def parameters(
    condition: Condition, validity: float, *, learning: Mapping[str, float] = LEARNING
) -> AgentParams:
    """Return all numbers of a condition; every condition has the same tree, so none recompiles."""
    if not isinstance(condition, Condition):
        raise TypeError(
            f"`condition` must be a Condition; got {condition!r:.200}. Pass CONDITIONS[name], with "
            f"one of {', '.join(CONDITIONS)}."
        )
    effects = [
        Effect(receptor, name, float(condition.actions.get(name, 0.0)))
        for name, receptor in RECEPTOR_OF.items()
    ]
    effects.append(Effect("m1", "learning_rate", condition.acetylcholine))
    effects.append(Effect("5ht1a", "horizon", condition.horizon))
    changes: dict[str, Any] = {**learning, **condition.changes}
    return AgentParams(
        neuromod=neuromodulators(condition),
        effects=tuple(effects),
        validity=validity,
        detector=float(condition.source == "detector"),
    )._replace(**changes)


def given_bursts(
    condition: Condition, task: Task, seeds: int, *, seed: int, yoke: np.ndarray | None = None
) -> Float[np.ndarray, "seed trial"]:
    """Return the bursts that a condition's source calls for from outside the agent.

    Random: one at a trial drawn uniformly from all behind the first 40. Late: from those behind
    the first shift, so that the first rule is learned as under DA + NA. Yoked: those of the next
    seed of DA + NA; the last seed gets those of the first.

    Args:
      condition: whose source it is.
      task: the agent's task, which says how many trials there are.
      seeds: number of agents.
      seed: of the draw.
      yoke: bursts of DA + NA, (seeds, trials), for a yoked condition.

    Raises:
      ValueError: if the task has no trials behind the first 40 or a shift, or `yoke` is not of
        these seeds and trials.

    Example:
      >>> given_bursts(CONDITIONS["na-late"], Task(), 2, seed=0).sum(axis=1).tolist()
      [1.0, 1.0]
    """
    task.check()
    _checks.whole("seeds", seeds, 1)
    _checks.whole("seed", seed, 0)
    given = np.zeros((seeds, task.total), np.float32)
    if condition.source in ("random", "late"):
        rng = np.random.default_rng([seed, 1])
        late = condition.source == "late"
        first = (*task.starts, task.total)[1] if late else EARLY
        if first >= task.total:
            rest = "a shift" if late else f"more than {EARLY} trials"
            raise ValueError(
                f"`task` must have {rest}, for bursts behind it; got {task.total} trials and "
                f"{task.shifts} shifts. Choose another condition or task."
            )
        given[np.arange(seeds), rng.integers(first, task.total, seeds)] = 1
    if condition.source == "yoked":
        bursts = np.asarray(yoke)
        if bursts.shape != given.shape:
            raise ValueError(
                f"`yoke` must have shape (seeds, trials) = {given.shape}, the bursts of "
                f"{YOKED_TO!r}; got {bursts.shape}."
            )
        given[:] = np.roll(bursts, -1, axis=0)
    return given
