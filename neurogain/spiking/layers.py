"""Layers of spiking cells that learn by gradients: any kind of cell, signed synapses, readouts.

A layer is a value with two pure functions, `init` and `apply`; parameters are a dictionary of
arrays, for any optax optimizer. `neurogain.spiking.modules` has the same as Flax modules.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Key, Shaped

from neurogain import _checks
from neurogain.spiking import heterogeneity, layer_checks
from neurogain.spiking.cell import Cell, check_cell
from neurogain.spiking.engine.drives import Drive

LayerParams = dict[str, Any]
Modulate = Callable[[Any, Any, Any], tuple[Any, Any]]
"""From constants, drive (synaptic currents included) and level to constants and drive, in a step of
one example."""


class SynapseParams(NamedTuple):
    """What synapses of a layer have; a scalar or one value per cell, (n,)."""

    tau: ArrayLike = 5.0  # ms, decay of the current

    def bounds(self, dt: float) -> dict[str, tuple[ArrayLike, ArrayLike]]:
        """Return between which values each lies at a step; decay is exact at any."""
        del dt
        return {"tau": (0.0, np.inf)}


class LayerState(NamedTuple):
    """What a layer carries from one step to the next."""

    cells: Any  # of the kind of cell, each leaf (batch, n)
    current: Float[Array, "batch n"]  # pA, of all synapses
    spikes: Float[Array, "delay batch n"]  # still under way to the layer itself, oldest first


@dataclasses.dataclass(frozen=True, eq=False)  # constants may be arrays
class Layer:
    """Cells of one kind behind weighted synapses, signed, whose current decays exponentially.

        I jumps by scale (x_t W + z_(t - delay) V) at the start of a step;  tau dI/dt = -I

    where x_t are the input's spikes and z the layer's own. Over each step of a cell it acts with
    its mean, so that a jump delivers its charge, I tau, at any step. V is there if the layer is
    recurrent. Weights are dimensionless, so that the usual learning rates serve.

    The gradient through T steps keeps the state of each: T batch n (2 + variables of a cell)
    floats. With `segment` it keeps one state a segment and computes a segment once more in the
    backward pass: (T / segment + segment) in place of T. With `truncated`, too, no gradient passes
    from a segment to the one before (truncated back-propagation through time).

    Attributes:
      cell: the kind, with its surrogate gradient, as LIFCell(surrogate.FastSigmoid(10.0)).
      constants: of the cells, such as `LIFParams`; each is a scalar or one value per cell, (n,).
      inputs: number of input channels.
      n: number of cells.
      dt: ms, a step of the input and of the output.
      substeps: steps of the cells in one of the input; the cell's step is dt / substeps.
      tau: ms, decay of the synaptic current; a number, or one value per cell, (n,).
      scale: pA, current of a weight of 1.
      compartment: which one the synapses reach; by default the cell's first.
      recurrent: whether the layer's spikes reach it again.
      delay: of the layer's own spikes, in steps of the input, at least 1.
      drive: what else drives the cells, such as PyramidalDrive(coupling=0.5), at all times: fields
        are numbers or one value per cell, (n,); by default nothing.
      learn: constants that are learned, each with one value per cell; see `learnable`. That of the
        synapses is "synapses.tau".
      segment: steps of the input in a segment; None: one segment.
      truncated: whether gradients end at a segment's start.

    Raises:
      ValueError, TypeError: if a number is out of range, or the cell does not allow constants,
        drive or step.

    Example:
      >>> from neurogain.spiking import LIFCell, LIFParams
      >>> layer = Layer(LIFCell(), LIFParams(), inputs=20, n=8)
      >>> params = layer.init(jax.random.key(0))
      >>> spikes, state = layer.apply(params, jnp.ones((50, 4, 20)))  # steps, batch, channels
      >>> spikes.shape
      (50, 4, 8)
    """

    cell: Cell
    constants: Any
    inputs: int
    n: int
    _: dataclasses.KW_ONLY
    dt: float = 1.0
    substeps: int = 1
    tau: ArrayLike = 5.0
    scale: float = 1000.0
    compartment: str | None = None
    recurrent: bool = False
    delay: int = 1
    drive: Any = None
    learn: tuple[str, ...] = ()
    segment: int | None = None
    truncated: bool = False

    def __post_init__(self) -> None:
        """Check all that is known before a run."""
        check_cell("`cell`", self.cell)
        for name in ("inputs", "n", "substeps", "delay"):
            _checks.whole(name, getattr(self, name), 1)
        for name, unit in (("dt", "ms"), ("scale", "pA")):
            _checks.positive(name, getattr(self, name), unit, "1.0")
        shape = _checks.broadcast(tau=self.tau)
        _checks.in_range(
            "tau", self.tau, "positive and finite, in ms", lambda x: (x > 0) & (x < np.inf), "5.0"
        )
        if shape not in ((), (self.n,)):
            raise ValueError(f"`tau` must be one number or have shape ({self.n},); got {shape}.")
        for name in ("recurrent", "truncated"):
            _checks.flag(name, getattr(self, name))
        if self.segment is not None:
            _checks.whole("segment", self.segment, 1)
        elif self.truncated:
            raise ValueError(
                "`truncated` needs `segment`, the steps through which gradients pass; got None. "
                "Pass segment=50."
            )
        names = self.cell.compartments
        if (self.compartment is not None and self.compartment not in names) or not names:
            raise ValueError(
                f"`compartment` must be one of {', '.join(names) or 'a cell that has some'}; got "
                f"{self.compartment!r}."
            )
        object.__setattr__(self, "learn", layer_checks.names("learn", self.learn))
        step_dt, key = self.dt / self.substeps, jax.random.key(0)  # needed or not: seen in `apply`
        self.cell.check(self.constants, self.background, dt=step_dt, n=self.n, key=key)
        layer_checks.check_drive(self.background, self.n, step_dt)
        self._learnable  # noqa: B018  it checks names and bounds

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone; functions that are made of them can't be pickled."""
        return {name: x for name, x in vars(self).items() if name != "_learnable"}

    @property
    def background(self) -> Any:
        """Return what drives the cells besides synapses."""
        return self.cell.empty_drive if self.drive is None else self.drive

    @functools.cached_property
    def _learnable(self) -> tuple[dict[str, Array], Callable[[Any], tuple[Any, SynapseParams]]]:
        """Return zeros for what is learned, and what rebuilds constants of cells and synapses."""
        step, synapses = self.dt / self.substeps, SynapseParams(self.tau)
        if not self.learn:
            return {}, lambda raw: (self.constants, synapses)
        heterogeneity.check_varies(self.constants)
        known = [*self.constants.bounds(step), *(_SYNAPSES + x for x in synapses.bounds(step))]
        for name in self.learn:
            if name not in known:
                raise ValueError(
                    f"`learn` must name constants, each one of {', '.join(known)}; got {name!r}. "
                    "Pass learn=() to learn weights alone."
                )
        short = {x: x.removeprefix(_SYNAPSES) for x in self.learn if x.startswith(_SYNAPSES)}
        of_cells = [x for x in self.learn if x not in short]
        zeros, cells = heterogeneity.learnable(self.constants, of_cells, n=self.n, dt=step)
        own, rest = heterogeneity.learnable(synapses, short.values(), n=self.n, dt=step)
        named = {name: own[x] for name, x in short.items()}

        def rebuild(raw: Any) -> tuple[Any, SynapseParams]:
            parts = [{x: raw[x] for x in raw if (x in short) == own} for own in (False, True)]
            return cells(parts[0]), rest({short[x]: value for x, value in parts[1].items()})

        return zeros | named, rebuild

    def init(self, key: Key[Array, ""]) -> LayerParams:
        """Return weights, uniform in ±1/sqrt(number of inputs), and zeros for learned constants.

        Returns:
          "in", (inputs, n); "recurrent", (n, n), if the layer is; "constants" by name, each (n,),
          if some are learned.
        """
        _checks.key("key", key)
        own, again = jax.random.split(key)
        params: LayerParams = {"in": _uniform(own, self.inputs, self.n)}
        if self.recurrent:
            params["recurrent"] = _uniform(again, self.n, self.n)
        if self.learn:
            params["constants"] = dict(self._learnable[0])
        return params

    def rebuild(self, params: LayerParams) -> Any:
        """Return the constants of the cells, those that are learned included."""
        return self._learnable[1](params.get("constants", {}))[0]

    def synapses(self, params: LayerParams) -> SynapseParams:
        """Return the constants of the synapses, those that are learned included."""
        return self._learnable[1](params.get("constants", {}))[1]

    def start(self, params: LayerParams, batch: int) -> LayerState:
        """Return the state at rest."""
        constants = self.rebuild(params)
        dtype = params["in"].dtype
        cells = self.cell.init(constants, self.n, dtype)
        cells = jax.tree.map(lambda x: jnp.broadcast_to(x, (batch, *x.shape)), cells)
        return LayerState(
            cells=cells,
            current=jnp.zeros((batch, self.n), dtype),
            spikes=jnp.zeros((self.delay * self.recurrent, batch, self.n), dtype),
        )

    def apply(
        self,
        params: LayerParams,
        inputs: Shaped[Array | np.ndarray, "steps batch inputs"],
        state: LayerState | None = None,
        *,
        key: Key[Array, ""] | None = None,
        modulate: Modulate | None = None,
        levels: Any = None,
    ) -> tuple[Float[Array, "steps batch n"], LayerState]:
        """Return the cells' spikes in each step of the input, and the state behind the last.

        Args:
          params: as `init` returns them.
          inputs: spikes of the channels, 0, 1 or any number a step.
          state: of an earlier call, to go on; by default at rest.
          key: for cells that draw, such as stochastic coupling; another one in each call.
          modulate: changes constants and drive step by step, such as neuromodulators do.
          levels: what `modulate` gets, a tree of arrays whose first axes are step and batch.

        Returns:
          Spikes, (steps, batch, n): the number of them in a step, with surrogate gradients.

        Raises:
          ValueError, TypeError: if parameters, inputs or state are not this layer's, if the cells
            need a key or it is none, or if levels can't act.
        """
        layer_checks.check_params(params, self.shapes, "layer")
        layer_checks.check_given(self, inputs, key)
        layer_checks.check_levels(levels, modulate, np.shape(inputs)[:2])
        jumps, keys = self.jumps_and_keys(params, inputs, key)
        rest = functools.partial(self.start, params, np.shape(inputs)[1])
        state = layer_checks.state_or_rest(state, rest)
        state, spikes = self.scan(self.stepper(params, modulate), state, (jumps, keys, levels))
        return spikes, state

    def jumps_and_keys(
        self, params: LayerParams, inputs: Any, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "steps batch n"], Key[Array, " steps"] | None]:
        """Return what a step needs besides levels: jumps of the current (pA) and a key each.

        Raises:
          ValueError: if the cells do not allow constants, drive or step, or if they need a key.
        """
        step_dt = self.dt / self.substeps
        self.cell.check(self.constants, self.background, dt=step_dt, n=self.n, key=key)
        inputs = jnp.asarray(inputs, params["in"].dtype)
        jumps = self.scale * (inputs @ params["in"])  # one product for all steps
        if key is None:
            return jumps, None
        return jumps, jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(len(inputs)))

    def stepper(
        self, params: LayerParams, modulate: Modulate | None = None
    ) -> Callable[[LayerState, Any], tuple[LayerState, Array]]:
        """Return the function from state and (jump, key, level) of a step to state and spikes."""
        constants = self.rebuild(params)
        return lambda state, given: self._step(params, constants, modulate, state, *given)

    @property
    def shapes(self) -> dict[str, Any]:
        """Return the shapes of what `init` returns, by name."""
        shapes: dict[str, Any] = {"in": (self.inputs, self.n)}
        if self.recurrent:
            shapes["recurrent"] = (self.n, self.n)
        if self.learn:
            shapes["constants"] = {name: (self.n,) for name in self.learn}
        return shapes

    def filter(self, params: LayerParams, dt: float) -> tuple[Any, Any]:
        """Return the mean over a step of a current of 1 at its start, and what is left behind."""
        tau, dtype = self.synapses(params).tau, params["in"].dtype
        known = not isinstance(tau, jax.Array)  # in double precision then
        decay: Any = -dt / (np.asarray(tau, float) if known else tau)
        of: Any = np if known else jnp
        mean, left = of.expm1(decay), of.exp(decay)
        return jnp.asarray(mean / decay, dtype), jnp.asarray(left, dtype)

    def behind(self, state: LayerState, cells: Any, current: Array, spike: Array) -> LayerState:
        """Return the state behind a step of the input."""
        under_way = state.spikes
        if self.recurrent:
            under_way = jnp.concatenate([under_way[1:], spike[None]])
        return LayerState(cells, current, under_way)

    def _step(
        self,
        params: LayerParams,
        constants: Any,
        modulate: Modulate | None,
        state: LayerState,
        jump: Array,
        key: Array | None,
        level: Any,
    ) -> tuple[LayerState, Array]:
        """Advance by one step of the input."""
        dt = self.dt / self.substeps
        if self.recurrent:
            jump = jump + self.scale * (state.spikes[0] @ params["recurrent"])
        current = state.current + jump
        mean, left = self.filter(params, dt)
        keys = None if key is None else jax.random.split(key, self.substeps)

        def substep(carry: tuple[Any, Array], key: Array | None) -> tuple[tuple[Any, Array], Array]:
            cells, current = carry
            cells, spike = self.step_cells(
                constants, cells, current * mean, dt, key, modulate, level
            )
            return (cells, current * left), spike

        carry: tuple[Any, Array] = (state.cells, current)
        if self.substeps == 1:
            (cells, current), spike = substep(carry, key)
        else:
            (cells, current), each = jax.lax.scan(substep, carry, keys, length=self.substeps)
            spike = each.sum(0)
        return self.behind(state, cells, current, spike), spike

    def step_cells(
        self,
        constants: Any,
        cells: Any,
        current: Array,
        dt: float,
        key: Array | None = None,
        modulate: Modulate | None = None,
        level: Any = None,
    ) -> tuple[Any, Array]:
        """Advance all cells of a batch by one step of theirs, under a synaptic current."""

        def one(cells: Any, current: Array, key: Array | None, level: Any) -> tuple[Any, Any]:
            own, drive = constants, self._driven(current)
            if modulate is not None:
                own, drive = modulate(own, drive, level)
            return self.cell.step(own, cells, drive, dt=dt, key=key)

        keys = None if key is None else jax.random.split(key, len(current))
        cells, info = jax.vmap(one)(cells, current, keys, level)
        return cells, info.spike

    def _driven(self, current: Array) -> Any:
        """Return the background with more current into the compartment."""
        drive = self.background
        if isinstance(drive, Drive):
            return drive._replace(current=drive.current + current)
        name = self.compartment or self.cell.compartments[0]
        part = getattr(drive, name)
        return drive._replace(**{name: part._replace(current=part.current + current)})

    def scan(
        self, advance: Callable[[Any, Any], tuple[Any, Any]], state: Any, given: Any
    ) -> tuple[Any, Any]:
        """Go through all steps as `jax.lax.scan` does, in segments if there are some."""
        steps = len(jax.tree.leaves(given)[0])
        length = self.segment or steps
        if length >= steps and not self.truncated:
            return jax.lax.scan(advance, state, given)

        @jax.checkpoint
        def run(state: Any, part: Any) -> tuple[Any, Any]:
            if self.truncated:
                state = jax.lax.stop_gradient(state)
            return jax.lax.scan(advance, state, part)

        whole = steps // length
        first = jax.tree.map(
            lambda x: x[: whole * length].reshape(whole, length, *x.shape[1:]), given
        )
        state, found = jax.lax.scan(run, state, first)
        found = jax.tree.map(lambda x: x.reshape(whole * length, *x.shape[2:]), found)
        if steps % length:
            state, last = run(state, jax.tree.map(lambda x: x[whole * length :], given))
            found = jax.tree.map(lambda *x: jnp.concatenate(x), found, last)
        return state, found


_SYNAPSES = "synapses."  # before the names of their constants


def _uniform(key: Array, inputs: int, outputs: int) -> Array:
    dtype = jnp.result_type(float)
    return jax.random.uniform(key, (inputs, outputs), dtype, -1, 1) / np.sqrt(inputs)
