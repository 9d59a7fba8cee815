"""What the activation of receptors does to cells, synapses and plasticity.

Each effect names a target; effects on one target add up before they act (convergence), so that
their order does not matter and opposite ones of equal size cancel:

    scaled   value <- value exp(sum of strength x activation)
    shifted  value <- value + sum of strength x activation
    odds     p / (1 - p) <- p / (1 - p) exp(sum of strength x activation)

At tonic concentrations all activations are 0 and every value is kept bit for bit.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks
from neurogain._types import AnyArray

CHOICE = "modelling choice"


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Effect:
    """One effect of one receptor.

    Attributes:
      receptor: name.
      target: "population.what", "population.compartment.what" or "projection.what"; see
        `Modulated` for what there is.
      strength: per unit of activation: of the logarithm of a factor or of odds, or in the target's
        unit where it is a shift.
      source: publication, or that it is a modelling choice.

    Example:
      Each unit of activation of d1 halves what adapts the population "pv":

      >>> less = Effect("d1", "pv.adaptation", float(np.log(0.5)))
      >>> less.source
      'modelling choice'
    """

    receptor: str = dataclasses.field(metadata={"static": True})
    target: str = dataclasses.field(metadata={"static": True})
    strength: ArrayLike
    source: str = dataclasses.field(default=CHOICE, metadata={"static": True})


def combine(effects: Sequence[Effect], activation: Mapping[str, AnyArray]) -> dict[str, jax.Array]:
    """Return the sum of strength x activation for each target.

    Args:
      effects: in any order.
      activation: of each receptor, dimensionless, shape () or (n,).

    Example:
      >>> both = [Effect("d1", "pv.adaptation", 2.0), Effect("d2", "pv.adaptation", -1.0)]
      >>> float(combine(both, {"d1": jnp.float32(0.5), "d2": jnp.float32(0.25)})["pv.adaptation"])
      0.75
    """
    sums: dict[str, jax.Array] = {}
    for effect in effects:
        value = activation[effect.receptor]
        part = jnp.asarray(effect.strength, value.dtype) * value
        sums[effect.target] = sums[effect.target] + part if effect.target in sums else part
    return sums


def scaled(value: ArrayLike, amount: AnyArray) -> jax.Array:
    """Return value x exp(amount).

    Example:
      >>> round(float(scaled(3.0, jnp.log(2.0))), 5)
      6.0
    """
    return jnp.asarray(value, amount.dtype) * jnp.exp(amount)


def shifted(value: ArrayLike, amount: AnyArray) -> jax.Array:
    """Return value + amount.

    Example:
      >>> float(shifted(3.0, jnp.float32(-1.0)))
      2.0
    """
    return jnp.asarray(value, amount.dtype) + amount


def odds(value: ArrayLike, amount: AnyArray) -> jax.Array:
    """Return the probability in [0, 1] whose odds are those of `value` times exp(amount).

    Example:
      >>> round(float(odds(0.5, jnp.log(3.0))), 5)  # odds 1 to 1 become 3 to 1
      0.75
    """
    p = jnp.asarray(value, amount.dtype)
    falls = amount <= 0
    size = jnp.where(falls, amount, -amount)  # at most 0, so that no exponential is infinite
    less = jnp.exp(size)
    whole = jnp.where(falls, (1 - p) + p * less, p + (1 - p) * less)
    change = p * (1 - p) * jnp.expm1(size) / jnp.where(whole > 0, whole, 1)
    return jnp.clip(p + jnp.where(falls, change, -change), 0, 1)


def check(effects: Sequence[Effect], receptors: Sequence[str]) -> None:
    """Check that effects are of receptors that are there, with finite strengths.

    Raises:
      ValueError, TypeError: names the effect, the rule, the value and a way out.
    """
    if not isinstance(effects, list | tuple):
        raise TypeError(
            f"`effects` must be a tuple of Effect(...); got {effects!r:.200}. Pass (effect,) for "
            "one."
        )
    for effect in effects:
        if not isinstance(effect, Effect):
            raise TypeError(f"`effects` must hold Effect(...); got {effect!r}.")
        for field in ("receptor", "target", "source"):
            if not isinstance(getattr(effect, field), str):
                raise TypeError(
                    f"`{field}` of an effect must be a text; got {getattr(effect, field)!r:.200}."
                )
        if effect.receptor not in receptors:
            raise ValueError(
                f"`receptor` of the effect on {effect.target} must be one of "
                f"{', '.join(receptors) or 'none, since no system is there'}; got "
                f"{effect.receptor!r}."
            )
        _checks.in_range(
            f"strength of {effect.receptor} on {effect.target}", effect.strength,
            "finite, per unit of activation", np.isfinite, "0.0",
        )  # fmt: skip


def on(
    population: str, table: Sequence[Effect], among: Collection[str] | None = None
) -> tuple[Effect, ...]:
    """Return the effects of a table for a kind of cell, on a population of that kind.

    Args:
      population: name of a population, or of a projection.
      table: for instance `tables.EFFECTS["pv"]`.
      among: targets that a network has (`neuromod.targets`); effects on others are left out.
        Without it they stay, and `check` of a network that lacks them raises ValueError.

    Example:
      >>> from neurogain.neuromod import tables
      >>> on("pyramidal", tables.EFFECTS["l5_pyramidal"])[0].target
      'pyramidal.coupling'
    """
    for one in table if isinstance(table, list | tuple) else [table]:
        if not isinstance(one, Effect):
            raise TypeError(
                f"`table` must hold Effect(...); got {one!r:.200}. Pass for instance "
                'tables.EFFECTS["pv"].'
            )
    if among is not None and (isinstance(among, str) or not isinstance(among, Collection)):
        raise TypeError(
            f"`among` must hold names of targets; got {among!r:.200}. Pass "
            "neuromod.targets(network)."
        )
    found = (dataclasses.replace(one, target=f"{population}.{one.target}") for one in table)
    return tuple(one for one in found if among is None or one.target in among)


def names(effects: Sequence[Effect]) -> tuple[str, ...]:
    """Return the targets, each once, in order.

    Example:
      >>> names([Effect("d1", "x", 1.0), Effect("d2", "y", 1.0), Effect("m1", "x", 1.0)])
      ('x', 'y')
    """
    return tuple(dict.fromkeys(effect.target for effect in effects))
