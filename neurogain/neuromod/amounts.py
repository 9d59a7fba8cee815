"""From what a learner tells to what its neuromodulators do: amounts, once per update.

    uncertainty or reward -> drive -> neurons -> concentration -> receptors -> amount

An amount is the sum of strength x activation of effects, of any sign, 0 at tonic levels. It is no
drive of a gain, which must be at least 0: make a gain of it by `gain_of`, or a factor of updates by
the transformations of `neuromod.transforms`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree

from neurogain import _checks
from neurogain.neuromod import effects as effects_
from neurogain.neuromod import systems, tables
from neurogain.neuromod.drives import Drives
from neurogain.neuromod.effects import Effect
from neurogain.neuromod.systems import NeuromodParams, NeuromodState
from neurogain.optim import GainSource

Reads = Literal["uncertainty", "reward"]
ToDrives = Callable[[Any, Float[Array, ""]], tuple[Drives, Any]]
"""From memory and what was read to drives, held over an update, and the memory behind it."""
TARGET = "amount"  # of all effects here
SUBSTEPS = 100  # of the systems in an update, at most


class AmountState(NamedTuple):
    """State of an `AmountSource`; all of its leaves are arrays."""

    systems: NeuromodState
    memory: PyTree  # of what turns readings into drives


class AmountSource(NamedTuple):
    """Two pure functions that make an amount of what is read, once per update.

    Attributes:
      init: () -> S, the state at tonic levels.
      update: (S, reading) -> (amount, S); numbers of shape ().
      reads: which keyword of an optimizer's update it is, "uncertainty" or "reward".
    """

    init: Callable[[], PyTree]
    update: Callable[[PyTree, ArrayLike], tuple[Array, PyTree]]
    reads: Reads


def source(
    effects: Sequence[Effect],
    to_drives: ToDrives,
    memory: PyTree,
    *,
    reads: Reads,
    ms_per_update: float,
    params: NeuromodParams | None = None,
) -> AmountSource:
    """Return a source of your own: any effects, and how readings become drives.

    Args:
      effects: whose strengths x activations are summed; their targets are not looked at.
      to_drives: from memory and reading to the drives, held over the update, and the new memory.
        Traced: drives outside the ranges of `Drives` are not seen.
      memory: before the first update, a tree of arrays or numbers.
      reads: the keyword of an optimizer's update that is read.
      ms_per_update: the clock, ms of the systems in one update of the optimizer.
      params: constants; `tables.standard()` by default.

    Raises:
      ValueError, TypeError: if the clock is not positive, effects or constants are refused by their
        checks, or `reads` is unknown.

    Example:
      >>> def punished(memory, reward):
      ...     return Drives(aversion=jnp.maximum(-reward, 0)), memory
      >>> effect = Effect("5ht1a", "amount", 2.0)
      >>> mine = source([effect], punished, (), reads="reward", ms_per_update=1500.0)
      >>> amount, _ = mine.update(mine.init(), -1.0)
      >>> bool(amount > 0)
      True
    """
    constants = tables.standard() if params is None else params
    systems.check(constants)
    given = tuple(effects) if isinstance(effects, list | tuple) else effects
    effects_.check(given, tuple(systems.owners(constants)))
    _check_volume(constants, given)
    _checks.positive("ms_per_update", ms_per_update, "ms", "50.0")
    if reads not in get_args(Reads):
        raise ValueError(f"`reads` must be one of {', '.join(get_args(Reads))}; got {reads!r}.")
    if not callable(to_drives):
        raise TypeError(
            f"`to_drives` must be a function of (memory, reading); got {to_drives!r:.200}."
        )
    summed = tuple(Effect(one.receptor, TARGET, one.strength, one.source) for one in given)
    constants = _needed(constants, given)
    longest = max(systems.LONGEST, ms_per_update / SUBSTEPS)

    def init() -> AmountState:
        start = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), memory)  # of no weak type
        return AmountState(systems.init(constants), start)

    def update(state: AmountState, reading: ArrayLike) -> tuple[Array, AmountState]:
        drives, remembered = to_drives(state.memory, jnp.asarray(reading, jnp.float32))
        after = systems.step(constants, state.systems, drives, dt=ms_per_update, longest=longest)
        found = effects_.combine(summed, after.activation)
        return found.get(TARGET, jnp.zeros(())), AmountState(after, remembered)

    return AmountSource(init, update, reads)


def _needed(params: NeuromodParams, effects: Sequence[Effect]) -> NeuromodParams:
    """Return the systems whose receptors have effects, and those that act on these."""
    owners = systems.owners(params)
    names = {owners[effect.receptor] for effect in effects}
    while more := {x.acting for x in params.interactions if x.onto in names} - names:
        names |= more
    return params._replace(
        kinetics={k: x for k, x in params.kinetics.items() if k in names},
        receptors={k: x for k, x in params.receptors.items() if k in names},
    )


def _check_volume(params: NeuromodParams, effects: Sequence[Effect]) -> None:
    """Raise a ValueError for an effect of a system that is wired to several targets."""
    owners = systems.owners(params)
    for effect in effects:
        shape = np.shape(params.kinetics[owners[effect.receptor]].tonic)
        if shape or np.shape(effect.strength):
            raise ValueError(
                f"`effects` must be of volume transmission, one number each; {effect.receptor} has "
                f"a tonic level of shape {shape} and a strength of shape "
                f"{np.shape(effect.strength)}. Give its system one tonic level."
            )


def _check_mean(average: float) -> None:
    _checks.one_number(
        "average", average, "in [0, 1), per update", lambda x: (x >= 0) & (x < 1), "0.99"
    )


class Mean(NamedTuple):
    """A running mean whose weights sum to 1 from the first reading on."""

    total: Float[Array, ""] | float = 0.0
    weight: Float[Array, ""] | float = 0.0  # 0 before any reading

    def of(self, otherwise: Array) -> Array:
        """Return the mean; before any reading something else."""
        known = self.weight > 0
        return jnp.where(known, self.total / jnp.where(known, self.weight, 1), otherwise)

    def behind(self, reading: Array, average: float) -> "Mean":
        """Return the mean behind one more reading."""
        new = 1 - average
        return Mean(average * self.total + new * reading, average * self.weight + new)


def unexpected(full: float, average: float, ms_per_update: float) -> ToDrives:
    """Return the function from uncertainty to the surprise of `noradrenaline`; its memory: `Mean`.

    Raises:
      ValueError, TypeError: if a number is out of range.
    """
    _checks.positive("full", full, "nats", "1.0")
    _check_mean(average)
    _checks.positive("ms_per_update", ms_per_update, "ms", "50.0")

    def to_drives(mean: Mean, u: Array) -> tuple[Drives, Mean]:
        share = jnp.clip((u - mean.of(u)) / full, 0, 1)
        surprise = 1 - (1 - share) ** (1 / ms_per_update)
        return Drives(surprise=surprise), mean.behind(u, average)

    return to_drives


def noradrenaline(
    strength: float = 5.0,
    *,
    full: float = 1.0,
    average: float = 0.99,
    ms_per_update: float = 50.0,
    params: NeuromodParams | None = None,
) -> AmountSource:
    """Return the amount of noradrenaline: unexpected uncertainty calls for bursts of the locus.

    The uncertainty u beyond its running mean m, over `full`, is the share of what is left to fire
    that an update calls for: x = min(max(u - m, 0) / full, 1), 1 - (1 - x)^(1 / ms) in each ms. It
    acts through alpha-1 receptors.

    Args:
      strength: per unit of activation, which a full burst raises to some 0.06.
      full: in the unit of the uncertainty (nats), what calls for a full burst.
      average: of the running mean, per update.
      ms_per_update, params: as for `source`.

    Raises:
      ValueError, TypeError: if a number is out of range.

    Example:
      >>> amounts = noradrenaline()
      >>> state = amounts.init()
      >>> for uncertainty in (0.1, 0.1, 1.5, 0.1):
      ...     amount, state = amounts.update(state, uncertainty)
      ...     print(f"{amount:.3f}")
      0.000
      0.000
      0.036
      0.105

    Source: Yu & Dayan, Neuron 46:681 (2005); Aston-Jones & Cohen, Annu Rev Neurosci 28:403 (2005).
      Mean, size and clock are modelling choices.
    """
    _check_strength(strength)
    return source(
        [Effect("alpha1", TARGET, strength)], unexpected(full, average, ms_per_update), Mean(),
        reads="uncertainty", ms_per_update=ms_per_update, params=params,
    )  # fmt: skip


def acetylcholine(
    strength: float = 5.0,
    *,
    average: float = 0.99,
    ms_per_update: float = 50.0,
    params: NeuromodParams | None = None,
) -> AmountSource:
    """Return the amount of acetylcholine: expected uncertainty, the running mean, drives it.

    It acts through muscarinic (m1) receptors.

    Args:
      strength: per unit of activation.
      average, ms_per_update, params: as for `noradrenaline`.

    Raises:
      ValueError, TypeError: if a number is out of range.

    Example:
      >>> amounts = acetylcholine()
      >>> amount, _ = amounts.update(amounts.init(), 0.5)
      >>> bool(amount > 0)
      True

    Source: Yu & Dayan, Neuron 46:681 (2005). Mean, size and clock are modelling choices.
    """
    _check_strength(strength)
    _check_mean(average)

    def to_drives(mean: Mean, u: Array) -> tuple[Drives, Mean]:
        after = mean.behind(u, average)
        return Drives(expected_uncertainty=after.of(u)), after

    return source(
        [Effect("m1", TARGET, strength)], to_drives, Mean(),
        reads="uncertainty", ms_per_update=ms_per_update, params=params,
    )  # fmt: skip


def dopamine(
    strength: float = 50.0,
    *,
    average: float = 0.99,
    ms_per_update: float = 1500.0,
    params: NeuromodParams | None = None,
) -> AmountSource:
    """Return the amount of dopamine: the reward less its running mean is the prediction error.

    It acts through D1 receptors, and lags the error by their time constants and clearance, some
    600 ms: an update must last longer for the amount to be that of its own reward.

    Args:
      strength: per unit of activation; by default an error of 1 that lasts gives about 1.
      average: of the reward that is expected, per update.
      ms_per_update, params: as for `source`.

    Raises:
      ValueError, TypeError: if a number is out of range.

    Example:
      >>> amounts = dopamine()
      >>> state = amounts.init()
      >>> for reward in (0.0, 1.0, -1.0):
      ...     amount, state = amounts.update(state, reward)
      ...     print(f"{amount:+.2f}")
      +0.00
      +0.91
      -0.90

    Source: Schultz, Dayan & Montague, Science 275:1593 (1997), with an expected reward that does
      not depend on the state. Size and clock are modelling choices.
    """
    _check_strength(strength)
    _check_mean(average)

    def to_drives(mean: Mean, reward: Array) -> tuple[Drives, Mean]:
        return Drives(prediction_error=reward - mean.of(reward)), mean.behind(reward, average)

    return source(
        [Effect("d1", TARGET, strength)], to_drives, Mean(),
        reads="reward", ms_per_update=ms_per_update, params=params,
    )  # fmt: skip


def serotonin(
    strength: float = 2.0,
    *,
    ms_per_update: float = 1500.0,
    params: NeuromodParams | None = None,
) -> AmountSource:
    """Return the amount of serotonin: punishment, a reward below 0, drives it.

    It acts through 5-HT1A receptors.

    Args:
      strength: per unit of activation.
      ms_per_update, params: as for `source`.

    Raises:
      ValueError, TypeError: if a number is out of range.

    Example:
      >>> amounts = serotonin()
      >>> amount, _ = amounts.update(amounts.init(), -1.0)
      >>> bool(amount > 0)
      True

    Source: Daw, Kakade & Dayan, Neural Netw 15:603 (2002); Doya, Neural Netw 15:495 (2002). Size
      and clock are modelling choices.
    """
    _check_strength(strength)

    def to_drives(memory: tuple[()], reward: Array) -> tuple[Drives, tuple[()]]:
        return Drives(aversion=jnp.maximum(-reward, 0)), memory

    return source(
        [Effect("5ht1a", TARGET, strength)], to_drives, (),
        reads="reward", ms_per_update=ms_per_update, params=params,
    )  # fmt: skip


def _check_strength(strength: object) -> None:
    _checks.one_number("strength", strength, "finite, per unit of activation", np.isfinite, "5.0")


def check(amounts: object, reads: Reads | None = None) -> None:
    """Raise an error unless this is a source of amounts, of what is read.

    Raises:
      TypeError: if it has not the fields of an `AmountSource`.
      ValueError: if it reads something else.
    """
    fields = ("init", "update")
    own = not isinstance(amounts, type) and all(callable(getattr(amounts, x, None)) for x in fields)
    if not own or getattr(amounts, "reads", None) not in get_args(Reads):
        raise TypeError(
            f"`amounts` must be an AmountSource; got {amounts!r:.200}. Pass for instance "
            "neuromod.amounts.noradrenaline()."
        )
    found = getattr(amounts, "reads", None)
    if reads is not None and found != reads:
        raise ValueError(
            f"`amounts` must be of the {reads} here; got one of the {found}. Pass for instance "
            "neuromod.amounts.noradrenaline()."
        )


def gain_of(amounts: AmountSource) -> GainSource:
    """Return the gain exp(amount), for `optim.with_gain_source`: > 0 whatever the amount's sign.

    It is 1 at tonic levels, bit for bit, and falls below 1 in the pause behind a burst.

    Raises:
      TypeError, ValueError: if `amounts` is no source of amounts, or reads rewards.

    Example:
      >>> import optax
      >>> from neurogain import optim
      >>> tx = optim.with_gain_source(optax.sgd(0.1), gain_of(noradrenaline()))
      >>> params = {"w": jnp.ones(2)}
      >>> state = tx.init(params)
      >>> for uncertainty in (0.1, 1.5, 0.1):
      ...     _, state = tx.update(params, state, params, uncertainty=uncertainty)
      >>> bool(optim.get_gain(state) > 1)
      True
    """
    check(amounts, "uncertainty")

    def update(state: PyTree, uncertainty: ArrayLike) -> tuple[Array, PyTree]:
        amount, state = amounts.update(state, uncertainty)
        return jnp.exp(amount), state

    return GainSource(amounts.init, update)
