"""Go/No-Go with set shifts: cues, rules, shifts and feedback, as pure functions.

Each trial pairs one of two visual with one of two auditory cues, a sparse pattern of active inputs
each. One modality decides, and one of its two cues means Go; a shift changes the rule.

Source: Mei, Rodriguez-Garcia & Ramaswamy, arXiv 2501.06762, section 6.
"""

import dataclasses
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from neurogain import _checks

Shift = Literal["extra", "reversal", "intra"]
Feedback = Literal["asymmetric", "symmetric"]
PAIRS = 4  # of a visual and an auditory cue


@dataclasses.dataclass(frozen=True)
class Task:
    """What is known when the task is compiled.

    Attributes:
      shift: extra-dimensional: the other modality decides; reversal: the other cue of the same
        modality means Go; intra-dimensional: all cues are new, the same modality decides.
      trials: of each rule.
      overtraining: trials that the first rule gets beside.
      shifts: how often the rule changes.
      feedback: asymmetric: hit +1, false alarm -1, No-Go 0, so that No-Go yields no information;
        symmetric: +1 and -1 for both actions.
      inputs: of each modality.
      active: of them for each cue.

    Example:
      >>> task = Task(shift="reversal", trials=100, overtraining=40)
      >>> task.total, task.starts
      (240, (0, 140))
    """

    shift: Shift = "extra"
    trials: int = 300
    overtraining: int = 0
    shifts: int = 1
    feedback: Feedback = "asymmetric"
    inputs: int = 50
    active: int = 12

    @property
    def total(self) -> int:
        """Number of trials of all rules."""
        return self.overtraining + self.trials * (self.shifts + 1)

    @property
    def starts(self) -> tuple[int, ...]:
        """First trial of each rule."""
        later = (self.overtraining + self.trials * (k + 1) for k in range(self.shifts))
        return (0, *later)

    @property
    def exemplars(self) -> int:
        """Number of sets of cues."""
        return self.shifts + 1 if self.shift == "intra" else 1

    def check(self) -> None:
        """Check that the task can be run.

        Raises:
          ValueError: names the argument, the rule, the value and a way out.
        """
        for name, known in (("shift", Shift), ("feedback", Feedback)):
            if getattr(self, name) not in get_args(known):
                choices = ", ".join(get_args(known))
                raise ValueError(f"`{name}` must be {choices}; got {getattr(self, name)!r}.")
        for name, least in (("trials", PAIRS), ("overtraining", 0), ("shifts", 0), ("active", 1)):
            _checks.whole(name, getattr(self, name), least)
        for name in ("trials", "overtraining"):
            value = getattr(self, name)
            if value % PAIRS:
                raise ValueError(
                    f"`{name}` must be a multiple of {PAIRS} trials, in which each pair of cues "
                    f"comes once; got {value}. Pass {name}={-(-value // PAIRS) * PAIRS}."
                )
        _checks.whole("inputs", self.inputs, 2)
        if self.active >= self.inputs:
            raise ValueError(
                f"`active` must be below the {self.inputs} inputs of a modality; got {self.active}."
            )


class Trial(NamedTuple):
    """One trial, or all of them along a first axis."""

    number: Int[Array, ""]
    pair: Int[Array, ""]  # 2 visual + auditory
    modality: Int[Array, ""]  # 0: the visual cue decides, 1: the auditory one
    go: Int[Array, ""]  # which of its two cues means Go
    exemplars: Int[Array, ""]  # set of cues
    luck: Float[Array, ""]  # uniform in [0, 1): feedback is valid below its validity


def schedule(task: Task, key: jax.Array) -> Trial:
    """Return all trials: in each four of them, every pair of cues once, in random order."""
    number = np.arange(task.total)
    rule = np.searchsorted(np.array(task.starts), number, side="right") - 1
    zero = np.zeros_like(rule)
    orders, luck = jax.random.split(key)
    blocks = jax.vmap(lambda k: jax.random.permutation(k, PAIRS))(
        jax.random.split(orders, task.total // PAIRS)
    )
    return Trial(
        number=jnp.asarray(number, jnp.int32),
        pair=blocks.reshape(-1).astype(jnp.int32),
        modality=jnp.asarray(rule % 2 if task.shift == "extra" else zero, jnp.int32),
        go=jnp.asarray(rule % 2 if task.shift == "reversal" else zero, jnp.int32),
        exemplars=jnp.asarray(rule if task.shift == "intra" else zero, jnp.int32),
        luck=jax.random.uniform(luck, (task.total,)),
    )


def patterns(task: Task, key: jax.Array) -> Float[Array, "sets 2 2 inputs"]:
    """Return which inputs each cue activates, 0 or 1: by set, modality, cue, input."""

    def cue(key: jax.Array) -> jax.Array:
        chosen = jax.random.permutation(key, task.inputs)[: task.active]
        return jnp.zeros(task.inputs).at[chosen].set(1)

    keys = jax.random.split(key, (task.exemplars, 2, 2))
    return jax.vmap(jax.vmap(jax.vmap(cue)))(keys)


def shown(cues: Float[Array, "sets 2 2 inputs"], trial: Trial) -> Float[Array, " all_inputs"]:
    """Return which inputs of both modalities are active in a trial."""
    own = cues[trial.exemplars]
    return jnp.concatenate([own[0, trial.pair // 2], own[1, trial.pair % 2]])


def is_go(trial: Trial) -> Int[Array, ""]:
    """Return whether Go is right, 0 or 1."""
    cue = jnp.where(trial.modality == 0, trial.pair // 2, trial.pair % 2)
    return (cue == trial.go).astype(jnp.int32)


def reward(
    task: Task, trial: Trial, action: Int[Array, ""], validity: ArrayLike
) -> Float[Array, ""]:
    """Return the feedback of an action (1: Go), wrong with probability 1 - validity.

    Example:
      >>> go = Trial(*map(jnp.asarray, (0, 0, 0, 0, 0, 0.5)))  # the visual cue 0 means Go
      >>> [float(reward(Task(), go, jnp.asarray(action), 1.0)) for action in (0, 1)]
      [0.0, 1.0]
    """
    right = jnp.where(action == is_go(trial), 1.0, -1.0)
    told = jnp.where(trial.luck < validity, right, -right)
    return told if task.feedback == "symmetric" else jnp.where(action == 1, told, 0.0)
