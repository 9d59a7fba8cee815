"""A network under neuromodulation, as one model that `simulate` and `rollout` take."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from neurogain.neuromod import effects, systems, target
from neurogain.neuromod.effects import Effect
from neurogain.neuromod.network_targets import TARGETS
from neurogain.neuromod.systems import Drives, NeuromodParams, NeuromodState
from neurogain.neuromod.target import Changed, Target
from neurogain.spiking.engine import drives
from neurogain.spiking.network import Network
from neurogain.spiking.network.arrays import NetworkInfo, NetworkParams, NetworkState
from neurogain.spiking.network.structure import ProjectionLayout

_PREFIX = "neuromod."


class ModulatedParams(NamedTuple):
    """All numbers; the effects' strengths are traced, their receptors and targets are not."""

    network: NetworkParams
    neuromod: NeuromodParams
    effects: tuple[Effect, ...] = ()


class ModulatedState(NamedTuple):
    """All that changes."""

    network: NetworkState
    neuromod: NeuromodState


class ModulatedInfo(NamedTuple):
    """Info of the network in a step, and the effects that neuromodulators had on it."""

    spike: jax.Array  # (n,), all populations one after the other
    network: NetworkInfo
    effects: dict[str, jax.Array]  # sum of strength x activation, by target

    @property
    def weights(self) -> dict[str, jax.Array]:
        """Plastic weights, nS, as in `NetworkInfo`."""
        return self.network.weights


@dataclasses.dataclass(frozen=True)
class Modulated:
    """A network whose cells, synapses and plasticity are under neuromodulators.

    Targets of effects; `targets=(*TARGETS, Target(...))` adds one:

        TABLE

    The drive is that of the network, with "neuromod.FIELD" for the fields of `systems.Drives`.
    At tonic concentrations every result is that of the network alone, bit for bit; a target that no
    effect names is not touched at all.

    Attributes:
      network: under neuromodulators.
      targets: what effects can name; see `Target` for one of your own.

    Example:
      >>> import jax
      >>> from neurogain import neuromod
      >>> from neurogain.spiking import IzhikevichCell, Population, build, cells, simulate
      >>> pv = Population(IzhikevichCell(), cells.PV, 5)
      >>> network, params = build({"pv": pv}, {}, dt=0.1, key=jax.random.key(0))
      >>> inhibited = neuromod.effects.on("pv", neuromod.tables.EFFECTS["pv"])[:1]
      >>> params = ModulatedParams(params, neuromod.tables.standard(), inhibited)
      >>> drive = {"neuromod.expected_uncertainty": 1.0}
      >>> run = simulate(Modulated(network), params, drive, duration=10.0)
      >>> bool(run.state.neuromod.activation["m1"] > 0)
      True
    """

    network: Network
    targets: tuple[Target, ...] = TARGETS

    def __post_init__(self) -> None:
        """Keep several targets as a tuple."""
        given: Any = self.targets
        given = given if isinstance(given, list | tuple) else (given,)
        object.__setattr__(self, "targets", tuple(given))
        target.find(self.network, self.targets)

    @property
    def size(self) -> int:
        """Number of cells of all populations."""
        return self.network.size

    @property
    def layouts(self) -> tuple[ProjectionLayout, ...]:
        """Projections of the network, for recorders of weights."""
        return self.network.layouts

    @property
    def paths(self) -> dict[str, str]:
        """Path of each projection of the network, "dense" or "sparse"."""
        return self.network.paths

    @property
    def empty_drive(self) -> dict[str, Any]:
        """The drive of a network that gets none."""
        return {}

    @property
    def dt(self) -> float:
        """Step of the network, ms."""
        return self.network.dt

    def init(
        self, params: ModulatedParams, n: int | None = None, dtype: DTypeLike = jnp.float32
    ) -> ModulatedState:
        """Return the network at rest, all systems at their tonic level."""
        return ModulatedState(
            self.network.init(params.network, n, dtype), systems.init(params.neuromod, dtype)
        )

    def begin(self, params: ModulatedParams, state: ModulatedState, step: int) -> ModulatedState:
        """Return the state of a run that begins with this step."""
        return state._replace(network=self.network.begin(params.network, state.network, step))

    def step(
        self,
        params: ModulatedParams,
        state: ModulatedState,
        drive: Mapping[str, Any],
        *,
        dt: float,
        key: jax.Array | None,
    ) -> tuple[ModulatedState, ModulatedInfo]:
        """Advance the systems, then the network under what they do."""
        inner, own = _split(drive)
        neuromod = systems.step(params.neuromod, state.neuromod, own, dt=dt)
        amounts = effects.combine(params.effects, neuromod.activation)
        changed = Changed(self.network, params.network, inner)
        known = target.find(self.network, self.targets)
        for name, amount in amounts.items():
            changed = known[name].target.apply(changed, known[name].owner, amount)
        network, info = self.network.step(
            changed.params, state.network, changed.drive, dt=dt, key=key
        )
        return ModulatedState(network, neuromod), ModulatedInfo(info.spike, info, amounts)

    def parts(self, drive: Mapping[str, Any]) -> list[tuple[str, Any, int]]:
        """Return name, content and number of cells of the parts of a drive, in leaf order."""
        inner = {k: v for k, v in drive.items() if not k.startswith(_PREFIX)}
        found = self.network.parts(inner)
        for name, value in drive.items():
            if name.startswith(_PREFIX):  # one, or one for each target cell: see `check`
                shape = () if drives.is_varying(value) else jnp.shape(value)
                found.append((f"drive[{name!r}]", value, shape[0] if shape else 1))
        return sorted(found, key=lambda part: part[0])

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: Any) -> None:
        """Check systems, receptors and targets, constants and drives.

        Raises:
          ValueError, TypeError: names the argument, the rule with its unit, the value, a way out.
        """
        drives.check_kind("params", params, ModulatedParams)
        drives.check_kind("drive", drive, dict)
        systems.check(params.neuromod)
        effects.check(params.effects, tuple(systems.owners(params.neuromod)))
        self._check_effects(params)
        for name in drive:
            field = name.removeprefix(_PREFIX)
            if name.startswith(_PREFIX) and field not in Drives._fields:
                raise ValueError(
                    f"`drive` of neuromodulators must be of {', '.join(Drives._fields)}; got "
                    f"{name!r}."
                )
            if name.startswith(_PREFIX):
                systems.check_drive(params.neuromod, field, drive[name])
        inner = {k: v for k, v in drive.items() if not k.startswith(_PREFIX)}
        self.network.check(params.network, inner, dt=dt, n=n, key=key)

    def _check_effects(self, params: ModulatedParams) -> None:
        where = systems.owners(params.neuromod)
        known = target.find(self.network, self.targets)
        for effect in params.effects:
            if effect.target not in known:
                owner = effect.target.partition(".")[0]
                own = [t for t in known if t.partition(".")[0] == owner]
                raise ValueError(
                    f"`target` of the effect of {effect.receptor} must be one of "
                    f"{', '.join(own or known)}; got {effect.target!r}."
                )
            shape = jnp.shape(params.neuromod.kinetics[where[effect.receptor]].tonic)
            size = self.network.sizes.get(effect.target.partition(".")[0], 1)
            if np.shape(effect.strength) not in ((), (size,)):
                raise ValueError(
                    f"`strength` of {effect.receptor} on {effect.target} must have shape () or "
                    f"({size},), one for each target cell; got {np.shape(effect.strength)}."
                )
            if shape not in ((), (size,)):
                raise ValueError(
                    f"`tonic` of {where[effect.receptor]} must have shape () or ({size},), one for "
                    f"each target cell, to act on {effect.target}; got {shape}."
                )


def _split(drive: Mapping[str, Any]) -> tuple[dict[str, Any], Drives]:
    own = {
        k.removeprefix(_PREFIX): jnp.reshape(v, ()) if jnp.shape(v) == (1,) else v  # a draw
        for k, v in drive.items()
        if k.startswith(_PREFIX)
    }
    return {k: v for k, v in drive.items() if not k.startswith(_PREFIX)}, Drives(**own)


Modulated.__doc__ = (Modulated.__doc__ or "").replace("TABLE", target.describe(TARGETS, indent=8))
