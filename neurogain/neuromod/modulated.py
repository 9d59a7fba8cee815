"""A network under neuromodulation, as one model that `simulate` and `rollout` take."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from neurogain.neuromod import effects, modulated_checks, systems, target
from neurogain.neuromod.drives import Drives, named
from neurogain.neuromod.effects import Effect
from neurogain.neuromod.network_targets import TARGETS
from neurogain.neuromod.spike_release import SpikeRelease
from neurogain.neuromod.systems import NeuromodParams, NeuromodState
from neurogain.neuromod.target import Changed, Target
from neurogain.spiking.engine import drives
from neurogain.spiking.network import Network
from neurogain.spiking.network.arrays import NetworkInfo, NetworkParams, NetworkState
from neurogain.spiking.network.structure import ProjectionLayout

Feedback: TypeAlias = Callable[[Any, Mapping[str, Any]], Mapping[str, Any]]
"""From the state before a step, a `ModulatedState`, and the step's drive to the drive that acts."""
NONE: dict[str, Any] = {}
_PREFIX = "neuromod."


class ModulatedParams(NamedTuple):
    """All numbers; the effects' strengths are traced, their receptors and targets are not."""

    network: NetworkParams
    neuromod: NeuromodParams
    effects: tuple[Effect, ...] = ()
    wires: dict[str, ArrayLike] = NONE  # by system, shares of the cells that release it in its
    # targets, (targets, cells); a system that is not named is released into one volume


class ModulatedState(NamedTuple):
    """All that changes."""

    network: NetworkState
    neuromod: NeuromodState
    fired: dict[str, jax.Array] = NONE  # by system, activity of the cells that release it, in the
    # last step


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

    The drive is that of the network, with "neuromod.NAME" for the drives of `systems.fields`.
    At tonic concentrations every result is that of the network alone, bit for bit; a target that no
    effect names is not touched at all.

    Attributes:
      network: under neuromodulators.
      targets: what effects can name; see `Target` for one of your own.
      releases: by system, the population whose spikes release it, `SpikeRelease`, in place of what
        drives it.
      wired: by system, the populations whose cells are the targets of its wires, one after the
        other: its `tonic` then has one value for each of these cells. A system that is not named
        has one level, or one for each cell of the population that an effect is on.
      feedback: from the state before a step and the step's drive to the drive that acts, so that
        what a network does drives it: rewards, plants, closed loops. A pure function, defined once,
        at the top of a module.

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
    releases: Mapping[str, SpikeRelease] = dataclasses.field(default_factory=dict, hash=False)
    wired: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict, hash=False)
    feedback: Feedback | None = None

    def __post_init__(self) -> None:
        """Keep several targets as a tuple, and check what is static."""
        given: Any = self.targets
        given = given if isinstance(given, list | tuple) else (given,)
        object.__setattr__(self, "targets", tuple(given))
        target.find(self.network, self.targets)
        modulated_checks.check_static(self.network, self.releases, self.wired, self.feedback)

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
        own = systems.init(params.neuromod, dtype)
        fired = {name: jnp.zeros_like(own.concentration[name]) for name in self.releases}
        return ModulatedState(self.network.init(params.network, n, dtype), own, fired)

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
        if self.feedback is not None:
            drive = modulated_checks.fed_back(self.feedback, state, drive)
        inner, own = _split(drive)
        neuromod = systems.step(params.neuromod, state.neuromod, own, dt=dt, fired=state.fired)
        amounts = self._amounts(params, neuromod)
        changed = Changed(self.network, params.network, inner)
        known = target.find(self.network, self.targets)
        for name, amount in amounts.items():
            changed = known[name].target.apply(changed, known[name].owner, amount)
        network, info = self.network.step(
            changed.params, state.network, changed.drive, dt=dt, key=key
        )
        fired = {
            name: one.activity(info.cells[one.population].spike, params.wires.get(name), dt=dt)
            for name, one in self.releases.items()
        }
        fired = {name: x.astype(state.fired[name].dtype) for name, x in fired.items()}
        return ModulatedState(network, neuromod, fired), ModulatedInfo(info.spike, info, amounts)

    def _amounts(self, params: ModulatedParams, state: NeuromodState) -> dict[str, jax.Array]:
        """Return the sum of strength x activation by target, of wired systems by its cells."""
        if not self.wired:
            return effects.combine(params.effects, state.activation)
        owners, found = systems.owners(params.neuromod), dict[str, jax.Array]()
        for name in effects.names(params.effects):
            own = [effect for effect in params.effects if effect.target == name]
            population = name.partition(".")[0]
            activation = {
                effect.receptor: self._of(
                    population, owners[effect.receptor], state.activation[effect.receptor]
                )
                for effect in own
            }
            found |= effects.combine(own, activation)
        return found

    def _of(self, population: str, system: str, values: jax.Array) -> jax.Array:
        """Return the part of the values of a system that belongs to a population."""
        names = self.wired.get(system, ())
        if population not in names:
            return values
        sizes = [self.network.sizes[name] for name in names]
        place = names.index(population)
        return values[sum(sizes[:place]) : sum(sizes[: place + 1])]

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
        modulated_checks.check_releases(self, params)
        for name in drive:
            if name.startswith(_PREFIX):
                field = name.removeprefix(_PREFIX)
                modulated_checks.check_field(self, params, field)
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
            modulated_checks.check_sizes(self, params, effect, where[effect.receptor])


def _split(drive: Mapping[str, Any]) -> tuple[dict[str, Any], Drives]:
    own = {
        k.removeprefix(_PREFIX): jnp.reshape(v, ()) if jnp.shape(v) == (1,) else v  # a draw
        for k, v in drive.items()
        if k.startswith(_PREFIX)
    }
    return {k: v for k, v in drive.items() if not k.startswith(_PREFIX)}, named(own)


Modulated.__doc__ = (Modulated.__doc__ or "").replace("TABLE", target.describe(TARGETS, indent=8))
