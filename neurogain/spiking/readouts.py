"""From the spikes of a layer to logits, and what keeps its rates in a band."""

import dataclasses
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, Shaped

from neurogain import _checks
from neurogain.spiking import layer_checks
from neurogain.spiking.engine.times import whole_steps

Kind = Literal["leaky", "max", "mean", "window"]


@dataclasses.dataclass(frozen=True)
class Readout:
    """Leaky integrators that don't spike, one a class, and what is taken of their course.

        v_t = r v_(t-1) + (1 - r) scale z_t W,   r = exp(-dt / tau),   v_0 = 0

    Attributes:
      inputs: number of cells.
      classes: number of classes.
      kind: "leaky" takes the last v, "max" the largest over time, "mean" the mean over time,
        "window" the mean over `window`.
      dt: ms, a step of the spikes.
      tau: ms, of the integrators.
      scale: of v, dimensionless; sparse spikes need more for logits that differ.
      window: ms, from which time on, and up to which one: the steps that end within; for the kind
        "window".

    Example:
      >>> readout = Readout(inputs=8, classes=3, kind="max")
      >>> params = readout.init(jax.random.key(0))
      >>> readout.apply(params, jnp.ones((50, 4, 8))).shape  # steps, batch, cells
      (4, 3)
    """

    inputs: int
    classes: int
    kind: Kind = "leaky"
    _: dataclasses.KW_ONLY
    dt: float = 1.0
    tau: float = 20.0
    scale: float = 1.0
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Check all that is known before a run."""
        for name in ("inputs", "classes"):
            _checks.whole(name, getattr(self, name), 1)
        for name, unit in (("dt", "ms"), ("tau", "ms"), ("scale", "dimensionless")):
            _checks.positive(name, getattr(self, name), unit, "20.0")
        if self.kind not in get_args(Kind):
            raise ValueError(
                f"`kind` must be one of {', '.join(get_args(Kind))}; got {self.kind!r}."
            )
        if (self.kind == "window") != (self.window is not None):
            raise ValueError(
                '`window` must be given with the kind "window", and with no other; got '
                f"{self.window!r} with {self.kind!r}. Pass for instance kind='window', "
                "window=(50.0, 100.0)."
            )
        if self.window is not None and not _is_span(self.window):
            raise ValueError(
                f"`window` must be two finite times in ms, 0 <= from < to; got {self.window!r}."
            )

    def init(self, key: Key[Array, ""]) -> dict[str, Any]:
        """Return "kernel", (inputs, classes), uniform in ±1/sqrt(inputs), and "bias", zeros."""
        _checks.key("key", key)
        dtype = jnp.result_type(float)
        kernel = jax.random.uniform(key, (self.inputs, self.classes), dtype, -1, 1)
        return {"kernel": kernel / np.sqrt(self.inputs), "bias": jnp.zeros(self.classes, dtype)}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what `init` returns, by name."""
        return {"kernel": (self.inputs, self.classes), "bias": (self.classes,)}

    def course(
        self, params: dict[str, Any], spikes: Shaped[Array | np.ndarray, "steps batch inputs"]
    ) -> Float[Array, "steps batch classes"]:
        """Return v of all steps, without the bias."""
        layer_checks.check_params(params, self.shapes, "readout")
        layer_checks.check_inputs(spikes, self.inputs, "spikes")
        spikes = jnp.asarray(spikes)
        if not jnp.issubdtype(spikes.dtype, jnp.floating):
            spikes = spikes.astype(params["kernel"].dtype)
        jumps = self._jumps(params, spikes)

        def step(v: Array, jump: Array) -> tuple[Array, Array]:
            v = self._decay * v + jump
            return v, v

        return jax.lax.scan(step, jnp.zeros_like(jumps[0]), jumps)[1]

    def step(
        self,
        params: dict[str, Any],
        v: Float[Array, "batch classes"],
        spikes: Float[Array, "batch inputs"],
    ) -> Float[Array, "batch classes"]:
        """Return v behind a step, without the bias."""
        return self._decay * v + self._jumps(params, spikes)

    @property
    def _decay(self) -> float:
        return float(np.exp(-self.dt / self.tau))

    def _jumps(self, params: dict[str, Any], spikes: Array) -> Array:
        return (1 - self._decay) * self.scale * (spikes @ params["kernel"])

    def apply(
        self, params: dict[str, Any], spikes: Shaped[Array | np.ndarray, "steps batch inputs"]
    ) -> Float[Array, "batch classes"]:
        """Return logits.

        Raises:
          ValueError, TypeError: if parameters or spikes aren't this read-out's, or spikes end
            before the window does.
        """
        v = self.course(params, spikes)
        if self.kind == "max":
            found = v.max(0)
        elif self.kind == "mean":
            found = v.mean(0)
        elif self.kind == "leaky":
            found = v[-1]
        else:
            found = v[self._steps(len(v))].mean(0)
        return found + params["bias"]

    def _steps(self, steps: int) -> slice:
        """Return the steps that end within the window: after its begin, and not after its end."""
        assert self.window is not None
        nearest, on_grid = whole_steps(self.window, self.dt)
        first, last = np.where(on_grid, nearest, np.floor(np.divide(self.window, self.dt)))
        if last > steps or first == last:
            raise ValueError(
                f"`window` must have at least one step and end by {steps * self.dt:g} ms, where "
                f"the spikes do; got {self.window!r}."
            )
        return slice(int(first), int(last))


def _is_span(value: Any) -> bool:
    """Return whether a value is two finite numbers, the first at least 0 and the second above."""
    numbers = _checks.to_numbers(value)
    if numbers is None or numbers.shape != (2,) or numbers.dtype.kind not in "fiu":
        return False
    return bool(0 <= numbers[0] < numbers[1] < np.inf)


def rate_band(
    spikes: Float[Array, "steps batch n"], low_hz: float, high_hz: float, *, dt: float
) -> Float[Array, ""]:
    """Return how far cells fire outside a band of rates, to be added to a loss.

        mean over cells of (max(0, low - r, r - high) / high)^2,   r: rate over steps and batch

    Args:
      spikes: as `Layer.apply` returns them.
      low_hz: Hz, at least 0.
      high_hz: Hz, above `low_hz`.
      dt: ms, a step.

    Raises:
      ValueError: if the band is empty or begins below 0, or another argument does not fit.

    Example:
      >>> float(rate_band(jnp.zeros((100, 2, 5)), 5.0, 10.0, dt=1.0))
      0.25
    """
    _checks.positive("dt", dt, "ms", "1.0")
    layer_checks.check_inputs(spikes, np.shape(spikes)[-1] if np.ndim(spikes) else 0, "spikes")
    for name, value in (("low_hz", low_hz), ("high_hz", high_hz)):
        _checks.one_number(name, value, "finite, in Hz", np.isfinite, "5.0")
    if not 0 <= low_hz < high_hz:
        raise ValueError(
            f"`low_hz` and `high_hz` must be 0 <= low < high, in Hz; got {low_hz!r} and "
            f"{high_hz!r}. Pass for instance 5.0 and 50.0."
        )
    rate = spikes.mean((0, 1)) * (1000 / dt)
    outside = jnp.maximum(0.0, jnp.maximum(low_hz - rate, rate - high_hz))
    return jnp.mean((outside / high_hz) ** 2)
