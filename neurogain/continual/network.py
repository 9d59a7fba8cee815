"""A user's model as pure functions of parameters, batch statistics and inputs.

A Flax linen module is taken as it is. An nnx module is made, split and merged again inside: from
outside its parameters and statistics are nested dicts, like those of linen.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr
from jaxtyping import Array, Key, PyTree

from neurogain import _checks
from neurogain._extras import extra

with extra("continual"):
    import flax.linen as nn
    from flax import nnx

Model: TypeAlias = nn.Module | Callable[[nnx.Rngs], nnx.Module]
"""A linen module, or a function (a class, too) from random streams to an nnx module."""


class Variables(NamedTuple):
    """What a network holds."""

    params: PyTree  # what learns
    stats: PyTree  # all else, such as batch statistics; {} where there is none


@dataclasses.dataclass(frozen=True)
class Linen:
    """A network that is a linen module; `train` is passed where its `__call__` takes it."""

    module: nn.Module

    def init(self, key: Key[Array, ""], inputs: Array) -> Variables:
        """Return the initial variables."""
        found = dict(self.module.init(key, inputs, **_mode(self.module, train=False)))
        return Variables(found.pop("params", {}), found)

    def predict(self, params: PyTree, stats: PyTree, inputs: Array) -> Array:
        """Return the logits in evaluation."""
        variables = {"params": params, **stats}
        return _logits(self.module.apply(variables, inputs, **_mode(self.module, train=False)))

    def learn(
        self, params: PyTree, stats: PyTree, inputs: Array, key: Key[Array, ""]
    ) -> tuple[Array, PyTree]:
        """Return the logits in training, and the statistics behind them.

        All random streams of the module (dropout) follow from `key`.
        """
        variables, mode = {"params": params, **stats}, _mode(self.module, train=True)
        # a stream that isn't named falls back on "params"
        logits, stats = self.module.apply(
            variables, inputs, **mode, mutable=list(stats), rngs={"params": key}
        )
        return _logits(logits), stats


@dataclasses.dataclass(frozen=True)
class Nnx:
    """A network that is an nnx module; `train` is passed where its `__call__` takes it.

    `module.train()` and `module.eval()` say what dropout and batch normalisation do.
    """

    factory: Callable[[nnx.Rngs], nnx.Module]

    def init(self, key: Key[Array, ""], inputs: Array) -> Variables:
        """Return the initial variables."""
        del inputs
        module = self.factory(nnx.Rngs(key))
        if not isinstance(module, nnx.Module):
            raise TypeError(f"a function from nnx.Rngs gives {type(module)}, not an nnx.Module")
        return _split(module)

    def predict(self, params: PyTree, stats: PyTree, inputs: Array) -> Array:
        """Return the logits in evaluation."""
        module = self._merge(params, stats, jax.random.key(0))
        module.eval()
        return _logits(module(inputs, **_mode(module, train=False)))

    def learn(
        self, params: PyTree, stats: PyTree, inputs: Array, key: Key[Array, ""]
    ) -> tuple[Array, PyTree]:
        """Return the logits in training, and the statistics behind them.

        All random streams of the module (dropout) start anew from `key`.
        """
        module = self._merge(params, stats, key)
        module.train()
        logits = _logits(module(inputs, **_mode(module, train=True)))
        return logits, _split(module).stats

    def _merge(self, params: PyTree, stats: PyTree, key: Key[Array, ""]) -> Any:
        blank: nnx.Module = nnx.eval_shape(lambda: self.factory(nnx.Rngs(jax.random.key(0))))
        graph, own, streams, rest = nnx.split(blank, nnx.Param, nnx.RngState, ...)  # type: ignore[misc]
        nnx.replace_by_pure_dict(own, params)
        nnx.replace_by_pure_dict(rest, stats)
        leaves, form = jax.tree.flatten(streams)
        seeded = [_seeded(jax.random.fold_in(key, i), x) for i, x in enumerate(leaves)]
        return nnx.merge(graph, own, jax.tree.unflatten(form, seeded), rest)


Network: TypeAlias = Linen | Nnx

_OTHER_NAMES = ("training", "is_training", "deterministic", "use_running_average")


def _logits(found: Any) -> Array:
    """Return what a model returned; raise a TypeError unless that is one array."""
    if not isinstance(found, Array):
        raise TypeError(f"it returned a {type(found).__name__}, where logits alone are wanted")
    return found


def _split(module: nnx.Module) -> Variables:
    """Return what a module holds, as nested dicts, without its random streams and what it sowed."""
    _, params, _, _, stats = nnx.split(  # type: ignore[misc]
        module, nnx.Param, nnx.RngState, nnx.Intermediate, ...
    )
    return Variables(nnx.to_pure_dict(params), nnx.to_pure_dict(stats))


def _seeded(key: Key[Array, ""], old: jax.ShapeDtypeStruct) -> Array:
    """Return the new key or keys of a random stream, or its count of 0."""
    if not jnp.issubdtype(old.dtype, jax.dtypes.prng_key):
        return jnp.zeros(old.shape, old.dtype)
    return jax.random.split(key, old.shape) if old.shape else key


def _mode(module: nn.Module | nnx.Module, *, train: bool) -> dict[str, Any]:
    """Return the arguments by which a module is told that it is trained.

    Raises TypeError if a linen module has another name for it, and would never be trained so.
    """
    call: Any = type(module).__call__
    names = inspect.signature(call).parameters
    if "train" in names:
        return {"train": train}
    others = [name for name in _OTHER_NAMES if name in names]
    if others and isinstance(module, nn.Module):
        raise TypeError(f"`{others[0]}` of its __call__ is not set by the trainer, `train` is")
    return {}


def as_network(model: Any) -> Network:
    """Return a model as a network.

    Raises:
      TypeError: if it is none, or can't be the constant of a compiled program.
    """
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise TypeError(f"`model` must be a module, not its class; got {model}. Write Net(...).")
    if isinstance(model, nnx.Module):
        raise TypeError(
            "`model` must be a function from nnx.Rngs to an nnx module, so that every seed has "
            f"weights of its own; got a {type(model).__name__}. Write lambda rngs: "
            f"{type(model).__name__}(rngs=rngs)."
        )
    if not isinstance(model, nn.Module) and not callable(model):
        raise TypeError(
            "`model` must be a Flax linen module, or a function from nnx.Rngs to an nnx module; "
            f"got {model!r:.200}."
        )
    try:
        hash(model)
    except TypeError as error:
        raise TypeError(
            "`model` must be hashable, since it is known when a run is compiled; got "
            f"{model!r:.200}. Write tuples in place of its lists."
        ) from error
    return Linen(model) if isinstance(model, nn.Module) else Nnx(model)


@functools.partial(jax.jit, static_argnums=0)
def initial_variables(network: Network, key: Key[Array, ""], example: Array) -> Variables:
    """Return a run's initial variables; compiled once for all optimizers."""
    return network.init(jax.random.fold_in(key, 0), example)


class Traced(NamedTuple):
    """What is known of a network before anything is compiled."""

    variables: Variables  # shapes and dtypes
    logits: jax.ShapeDtypeStruct  # in evaluation, of one example
    learned: tuple[jax.ShapeDtypeStruct, PyTree]  # logits in training, and statistics behind them
    convolves: bool


@functools.cache
def traced(network: Network, shape: tuple[int, ...], dtype: Any) -> Traced:
    """Trace a network for inputs of one shape, once for all optimizers.

    Raises:
      TypeError, ValueError: if the model can't be called, in evaluation or in training.
    """
    example, key = jax.ShapeDtypeStruct(shape, dtype), jax.random.key(0)
    try:
        variables = jax.eval_shape(network.init, key, example)
        jaxpr, logits = jax.make_jaxpr(network.predict, return_shape=True)(*variables, example)
        learned = jax.eval_shape(network.learn, *variables, example, key)
    except Exception as error:  # whatever a user's model raises
        raise _checks.kind_of(error)(
            f"`model` must be one that is called as model(inputs) or model(inputs, train=...); "
            f"with inputs of {dtype}, shape {shape}, it raised {_checks.said(error)}. A model "
            "with dropout or batch statistics takes `train`, or is an nnx module."
        ) from error
    return Traced(variables, logits, learned, "conv_general_dilated" in _primitives(jaxpr.jaxpr))


def _primitives(jaxpr: Jaxpr) -> Iterator[str]:
    """Yield the names of all operations, those of loops, branches and inner functions too."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jax.tree.leaves(equation.params):
            if isinstance(inner, ClosedJaxpr):
                inner = inner.jaxpr
            if isinstance(inner, Jaxpr):
                yield from _primitives(inner)
