"""Cells that differ: constants drawn from a distribution, and constants that are learned.

Source: Perez-Nieves et al., Nat Commun 12:5791 (2021), where time constants are drawn from gamma
distributions and learned; arXiv 2407.04525, section 2.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from neurogain import _checks, _seeds
from neurogain.spiking import layer_checks, paths

Params = TypeVar("Params")
Kind = Literal["gamma", "lognormal", "normal", "uniform"]


@dataclasses.dataclass(frozen=True)
class Spread:
    """How a constant varies over cells, around the value that it has.

    Attributes:
      kind: of the distribution. "gamma" and "lognormal" are for positive constants.
      cv: standard deviation over the mean's absolute value, dimensionless. Where `low` or `high`
        cut the distribution, the cv is that of the distribution before the cut.
      low: in the unit of the constant, below which no value lies; by default the lowest that the
        cell allows.
      high: in the unit of the constant, above which no value lies; by default likewise.

    Example:
      >>> Spread("gamma", cv=0.5, high=100.0).low is None
      True
    """

    kind: Kind
    cv: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        """Raise a ValueError or TypeError for an unknown kind, a bad cv, or an empty interval."""
        if self.kind not in get_args(Kind):
            raise ValueError(
                f"`kind` must be one of {', '.join(get_args(Kind))}; got {self.kind!r}. Pass "
                'Spread("gamma", cv=0.5).'
            )
        _checks.one_number(
            "cv", self.cv, "positive, dimensionless", lambda x: (x > 0) & (x < np.inf), "0.5"
        )
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                _checks.one_number(name, getattr(self, name), "a finite number", np.isfinite, "1.0")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"`low` must be below `high`; got {self.low!r} and {self.high!r}.")


def draw(
    params: Params,
    spread: Mapping[str, Spread],
    n: int,
    key: Key[Array, ""],
    *,
    dt: float = 0.0,
) -> Params:
    """Return constants with one value per cell, drawn around those that they have.

    The mean of a constant stays, also where `low` and `high` cut its distribution, which is then
    shifted or scaled to keep it. Constants are drawn independently, each by its name, so that a
    further one changes no other. Drawn on the host: key and constants must be known.

    Args:
      params: constants of a cell, such as `LIFParams`; those that vary are scalars or (n,).
      spread: a `Spread` by constant, such as {"C": Spread("gamma", 0.5)}; with dots for
        compartments, "soma.d".
      n: number of cells.
      key: a jax.random.key.
      dt: ms, the step that the cells must allow; 0: any.

    Returns:
      The constants, those of `spread` of shape (n,), float32 (float64 with x64 enabled).

    Raises:
      ValueError: if a constant is none that may vary, if its spread goes beyond what the cell
        allows, if no distribution of this kind has its mean, or if drawn values contradict each
        other, as a threshold below the reset does.
      TypeError: if key or constants are traced, or a spread isn't a `Spread`.

    Example:
      >>> from neurogain.spiking import LIFParams
      >>> cells = draw(LIFParams(), {"C": Spread("gamma", 0.3)}, 3, jax.random.key(0))
      >>> cells.C.shape, cells.g_leak
      ((3,), 10.0)
    """
    from neurogain.spiking import spreads  # here, since scipy.optimize takes long to import

    _checks.whole("n", n, 1)
    allowed = _bounds(params, spread, dt)
    _check_known("key", key)
    _checks.key("key", key)
    drawn = params
    for name, one in spread.items():
        if not isinstance(one, Spread):
            raise TypeError(
                f"`spread` must have a Spread for each constant; got {one!r:.200} for {name!r}. "
                'Pass Spread("gamma", cv=0.5).'
            )
        mean = paths.get(params, name)
        _check_known(name, mean)
        values = np.asarray(mean, float)
        if values.shape not in ((), (n,)):
            raise ValueError(
                f"`{name}` must be one number or have shape ({n},); got shape {values.shape}. "
                "Pass as many constants as cells."
            )
        interval = _interval(name, one, allowed[name])
        number = np.uint32(_seeds.of_name(name))
        u = np.asarray(jax.random.uniform(jax.random.fold_in(key, number), (n,)), float)
        found = spreads.draw(one.kind, one.cv, np.broadcast_to(values, (n,)), interval, u, name)
        drawn = paths.replace(drawn, name, jnp.asarray(found, jnp.result_type(float)))
    for name in spread:
        _check_inside(name, drawn, dt, "Narrow the spread by `low` and `high`, or by its cv.")
    return drawn


def learnable(
    params: Params, fields: Iterable[str], *, n: int | None = None, dt: float = 0.0
) -> tuple[dict[str, Float[Array, "..."]], Callable[[PyTree], Params]]:
    """Return unconstrained values that start at 0, and how constants are rebuilt from them.

    With bounds a and b of a constant x, where the other constants are as they are,

        b = inf        (x - a) = (x_0 - a) e^s,         s = 7 tanh(raw / 7)
        a = -inf       (b - x) = (b - x_0) e^-s
        both finite    logit((x - a) / (b - a)) = logit((x_0 - a) / (b - a)) + s
        neither        x = x_0 + |x_0| raw,              raw in place of |x_0| raw where x_0 = 0

    so a step of an optimizer changes constants by about that share. A distance from a bound never
    falls below a thousandth of what it was, nor below 1e-5 of the numbers. Constants are rebuilt
    one after the other, each within the bounds that those before it leave. Gradients pass through
    the rebuilding.

    Args:
      params: constants of a cell, such as `LIFParams`.
      fields: which are learned, with dots for compartments, as "dendrite.tau_w".
      n: number of cells, each with values of its own; None: in the shape of the constant.
      dt: ms, the step that the cells must allow; 0: any.

    Returns:
      Zeros by constant, of shape (n,), and the function from such values to constants. At zeros
      these are bit for bit those that were given.

    Raises:
      ValueError: if a constant is none that can be learned, or lies at a bound.
      TypeError: if `fields` is one name, or if constants are traced.

    Example:
      >>> from neurogain.spiking import LIFParams
      >>> raw, rebuild = learnable(LIFParams(), ["tau_w"], n=2, dt=1.0)
      >>> raw["tau_w"].shape, float(rebuild(raw).tau_w[0])
      ((2,), 100.0)
    """
    names = layer_checks.names("fields", fields)
    if n is not None:
        _checks.whole("n", n, 1)
    _bounds(params, names, dt)
    dtype = jnp.result_type(float)
    raw, start = {}, params
    for name in names:
        value = paths.get(params, name)
        _check_known(name, value)
        shape = np.shape(value) if n is None else (n,)
        if np.shape(value) not in ((), shape):
            raise ValueError(
                f"`{name}` must be one number or have shape {shape}; got shape {np.shape(value)}. "
                "Pass as many constants as cells."
            )
        raw[name] = jnp.zeros(shape, dtype)
        start = paths.replace(start, name, jnp.broadcast_to(jnp.asarray(value, dtype), shape))
        _check_inside(name, params, dt, "Move it away from its bound.")

    shapes = {name: x.shape for name, x in raw.items()}

    def rebuild(raw: PyTree) -> Params:
        if isinstance(raw, Mapping):
            raw = {k: jnp.asarray(x) if isinstance(x, float) else x for k, x in raw.items()}
        layer_checks.check_params(raw, shapes, "learned constants", "raw")
        built: Any = start
        for name in names:
            low, high = built.bounds(dt)[name]
            built = paths.replace(built, name, _moved(paths.get(start, name), low, high, raw[name]))
        return built

    return raw, rebuild


_MOST = 7.0  # of |s|: e^7 is about 1,000
_MARGIN = 1e-5  # kept from a bound, of the sizes of both, so that rounding never crosses it


def _moved(first: Array, low: Any, high: Any, raw: Any) -> Array:
    """Return a constant moved within its bounds, from its first value; see `learnable`."""
    low, high, raw = (jnp.asarray(x, first.dtype) for x in (low, high, raw))
    s = _MOST * jnp.tanh(raw / _MOST)
    some_low, some_high = jnp.isfinite(low), jnp.isfinite(high)
    # what is not chosen must be finite too, since its gradient is multiplied by 0
    below = jnp.where(some_low, first - low, 2.0)
    above = jnp.where(some_high, high - first, 2.0)
    margin = _MARGIN * (jnp.abs(first) + 1e-30)
    below = jnp.maximum(below - margin - _MARGIN * jnp.abs(first - below), 0)
    above = jnp.maximum(above - margin - _MARGIN * jnp.abs(first + above), 0)
    # b - a times sigmoid(logit(q) + s) - q, exactly 0 at s = 0, written so that it stays inside
    rise = jnp.expm1(s)
    between = above * below * rise / jnp.maximum(above + below * (1 + rise), 1e-30)
    free = raw * jnp.where(first == 0, 1.0, jnp.abs(first))
    one_sided = jnp.where(some_low, below * rise, -above * jnp.expm1(-s))
    step = jnp.where(
        some_low & some_high, between, jnp.where(some_low | some_high, one_sided, free)
    )
    return first + step


def check_varies(params: Any) -> None:
    """Raise a TypeError for constants that don't say their bounds."""
    if not hasattr(params, "bounds"):
        raise TypeError(
            "`params` must be constants of cells with a method `bounds`, such as LIFParams(); got "
            f"{params!r:.200}."
        )


def _bounds(params: Any, names: Iterable[str], dt: float) -> Mapping[str, tuple[Any, Any]]:
    """Return the bounds of all constants, once it is checked that the names are among them."""
    check_varies(params)
    _checks.one_number("dt", dt, "0 or a step in ms", lambda x: (x >= 0) & (x < np.inf), "1.0")
    found: Mapping[str, tuple[Any, Any]] = params.bounds(dt)
    for name in names:
        if name not in found:
            raise ValueError(
                f"a constant that varies must be one of {', '.join(found)}; got {name!r}."
            )
    return found


def _interval(name: str, spread: Spread, allowed: tuple[Any, Any]) -> tuple[float, float]:
    """Return between which values a constant is drawn; a ValueError where that is not allowed."""
    least, most = float(np.max(allowed[0])), float(np.min(allowed[1]))
    low = least if spread.low is None else spread.low
    high = most if spread.high is None else spread.high
    if low < least or high > most:
        raise ValueError(
            f"the spread of `{name}` must lie in ({least:g}, {most:g}), which the cell allows; got "
            f"low={spread.low!r} and high={spread.high!r}. Leave them out, or move them inside."
        )
    return low, high


def _check_known(name: str, value: Any) -> None:
    """Raise a TypeError for what is traced."""
    if not all(map(_checks.is_concrete, jax.tree.leaves(value))):
        raise TypeError(
            f"`{name}` must be known here, since it is read on the host; got {value!r:.100}. Call "
            "this outside jax.jit and jax.vmap."
        )


def _check_inside(name: str, params: Any, dt: float, way_out: str) -> None:
    """Raise a ValueError unless a constant lies inside its bounds."""
    low, high = params.bounds(dt)[name]
    value = np.asarray(paths.get(params, name), float)
    if not np.all((np.asarray(low) < value) & (value < np.asarray(high))):
        inside = np.broadcast_arrays(value, np.asarray(low, float), np.asarray(high, float))
        i = int(np.flatnonzero(~((inside[1] < inside[0]) & (inside[0] < inside[2])))[0])
        got, least, most = (x.reshape(-1)[i] for x in inside)
        raise ValueError(
            f"`{name}` must be above {least:g} and below {most:g}, where the other constants are "
            f"as they are; got {got:g}. {way_out}"
        )
