"""Run cells in time: `simulate` from the host, `rollout` inside jit, vmap and grad.

Both scan the same step; neither holds more than is recorded. The noise of a step depends on the
key and the step's number alone, so neither the length of chunks nor an interruption changes it.
"""

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from neurogain import _checks
from neurogain import progress as reports
from neurogain.spiking.engine import compilations, drives, nonfinite
from neurogain.spiking.engine.checks import Model, check_names
from neurogain.spiking.engine.nonfinite import NonFiniteError as NonFiniteError
from neurogain.spiking.engine.program import Arrays, Program, join, prepare, scan
from neurogain.spiking.recorders import Recorder

MAX_CHUNK_BYTES = 2**28  # recorded on the device before it moves to the host


class Result(NamedTuple):
    """What a run leaves behind."""

    state: Any  # at the end; hand it and `step` to the next run to continue this one
    step: int  # number of the next step
    recorded: dict[str, Any]  # by the names given to the recorders


class Interrupted(KeyboardInterrupt):
    """A run was interrupted; `result` is what it had recorded by the end of its last chunk.

    The result can be continued with `state=stop.result.state, first_step=stop.result.step`.
    """

    def __init__(self, result: Result, done: int, steps: int):
        super().__init__(
            f"Interrupted after {done} of {steps} steps. What was recorded is in the `result` of "
            "this exception; continue it with state=result.state, first_step=result.step."
        )
        self.result = result


class _Reached(NamedTuple):
    """How far a run is, at the end of a chunk."""

    done: int  # steps
    chunks: int  # whose emissions are kept
    state: Any
    carries: tuple[Any, ...]  # of the recorders


def simulate(
    model: Model,
    params: Any,
    drive: Any = None,
    *,
    n: int | None = None,
    duration: float,
    dt: float = 0.1,
    key: jax.Array | None = None,
    record: Mapping[str, Recorder] | None = None,
    state: Any = None,
    first_step: int = 0,
    dtype: DTypeLike = jnp.float32,
    chunk: int = 1000,
    max_recorded_bytes: float = 2.0**32,
    progress: bool | Callable[[int, int], None] | None = None,
) -> Result:
    """Run `n` cells from the host, chunk by chunk.

    Args:
      model: for instance `PyramidalCell()`; pass an equal one again and nothing is compiled again.
      params: constants of the model, scalars or one value per cell.
      drive: tree that the model's step takes; see `Drive` for what a field may be. Left out: none.
      n: number of cells; a network knows its own.
      duration: ms, a multiple of dt.
      dt: ms.
      key: jax.random.key, for stochastic models and for drives that draw. What is drawn in a step
        depends on the key and the number of the step alone.
      record: recorders by name; `{"spikes": Total()}` by default, the spike count of each cell.
      state: start from here in place of rest; it is not changed. To go on from a run pass
        state=run.state together with first_step=run.step.
      first_step: number of the first step. Pulses, series, functions, noise and Poisson sources go
        by the number of the step, which the state does not set: a run that goes on from a state
        with first_step left out repeats those of the steps from 0 on.
      dtype: of the state.
      chunk: steps between calls of `progress`, about, fewer where they would record more than
        256 MiB; the noise doesn't depend on it, nor do the results but for how XLA rounds.
      max_recorded_bytes: of samples on the host, 4 GiB; a run that would keep more raises
        ValueError.
      progress: True for a bar on a terminal and a line now and then elsewhere, on the standard
        error; or a function that is called with (steps done, steps in all).

    Returns:
      State, number of the next step, and what was recorded, as NumPy arrays.

    Raises:
      ValueError: if constants, drives, times or recorders break a rule; before any compiling.
      NonFiniteError: if a state stops being finite; names the variable, the cell and the step.
      Interrupted: at Ctrl-C or the stop button of a notebook; it is a KeyboardInterrupt that holds
        the `Result` up to the last chunk. Before the end of the first chunk it is a plain one.

    Compiling takes seconds. A program is for one model, dt and dtype, a key or none, recorders in
    their order, kinds and shapes of params and drive, and the number of steps of a chunk; a
    duration that is not in whole chunks has one more, shorter. Other numbers, keys, first steps,
    states, durations in whole chunks, and a `TimeSeries` of another length compile nothing. Nor do
    functions in a drive or a recorder that are written anew with the same text, as long as they
    refer to numbers and arrays (up to 1 MiB) of the same values and to jax, numpy and math alone.
    Other functions, and those in receptors (gates) and cells (surrogates), are known by identity:
    define them once. `compilations()` counts programs.

    A run that continues another starts its recorders anew: sums are the caller's to add, and an
    interval across the border is in neither.

    Example:
      >>> from neurogain.spiking import Drive, IzhikevichCell, cells
      >>> run = simulate(IzhikevichCell(), cells.RS, Drive(current=100.0), n=1, duration=500.0)
      >>> run.recorded["spikes"].item()
      6
    """
    _checks.whole("chunk", chunk, 1)
    _checks.one_number(
        "max_recorded_bytes", max_recorded_bytes, "at least 0", lambda x: x >= 0, "2**32"
    )
    if not (progress is None or isinstance(progress, bool) or _checks.is_function(progress)):
        raise TypeError(
            "`progress` must be True, False or a function of (steps done, steps in all); got "
            f"{progress!r:.200}."
        )
    check_names(drive)
    if any(
        isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((params, drive, state, key))
    ):
        raise TypeError(
            "`simulate` runs on the host and can't be transformed by jit, vmap or grad. "
            "Call `rollout` with the same arguments instead."
        )
    program, arrays, state, carries, stacked, recorders, steps = prepare(
        model,
        params,
        drive,
        n=n,
        duration=duration,
        dt=dt,
        key=key,
        record=record,
        state=state,
        first_step=first_step,
        dtype=dtype,
    )
    _check_memory(stacked, recorders, steps, max_recorded_bytes)
    chunk = min(chunk, int(MAX_CHUNK_BYTES / max(sum(stacked.values()), 1.0)))
    chunk = max(1, chunk // program.period) * program.period
    reached = _Reached(0, 0, state, carries)
    kept: list[tuple[Any, ...]] = []  # by chunk, then by recorder

    def result() -> Result:
        """Return what was recorded by the end of the last chunk."""
        recorded = {}
        emissions = zip(*kept[: reached.chunks], strict=True)
        for (name, recorder), carry, parts in zip(
            recorders.items(), reached.carries, emissions, strict=True
        ):
            joined = jax.tree.map(lambda *x: np.concatenate(x), *parts) if recorder.every else None
            on_host = jax.tree.map(np.asarray, carry)
            recorded[name] = recorder.finish(on_host, joined, first_step=first_step, dt=dt)
        return Result(reached.state, first_step + reached.done, recorded)

    try:
        with _reporting(progress, steps) as tell:
            while reached.done < steps:
                length = min(chunk, steps - reached.done)
                start = first_step + reached.done
                state, carries, emitted = _run_chunk(
                    program, length, arrays, reached.state, reached.carries, start
                )
                if not _is_finite(state):
                    raise _locate(program, arrays, reached.state, start, length)
                kept.append(
                    tuple(
                        _to_host(recorder, values, start)
                        for recorder, values in zip(recorders.values(), emitted, strict=True)
                    )
                )
                reached = _Reached(reached.done + length, len(kept), state, carries)
                tell(reached.done, steps)
        return result()
    except KeyboardInterrupt:
        if not reached.chunks:
            raise
        raise Interrupted(result(), reached.done, steps) from None


@contextlib.contextmanager
def _reporting(
    progress: bool | Callable[[int, int], None] | None, steps: int
) -> Iterator[Callable[[int, int], None]]:
    """Yield what is to be called with (steps done, steps in all)."""
    if callable(progress):
        yield progress
        return
    label = f"{steps} steps"
    with contextlib.closing(reports.of(bool(progress), 1)) as shown:
        shown.start(label)
        yield functools.partial(shown.show, label)
        shown.finish(label)


def rollout(
    model: Model,
    params: Any,
    drive: Any = None,
    *,
    n: int | None = None,
    duration: float,
    dt: float = 0.1,
    key: jax.Array | None = None,
    record: Mapping[str, Recorder] | None = None,
    state: Any = None,
    first_step: int = 0,
    dtype: DTypeLike = jnp.float32,
    segment: int | None = None,
) -> Result:
    """Run `n` cells as one pure function, to be used inside jit, vmap and grad.

    Arguments as for `simulate`. Reverse mode keeps the state at every `segment` steps, by default
    the square root of their number, and computes the steps between again, so memory grows as that
    root. What is recorded is returned as it was emitted: carries as they are, samples stacked.
    Numbers that are not known when it is traced are not checked.

    The gradient of a spike count tells which way, not how much: a spike that comes earlier by s ms
    counts s / dt, and where the reset passes gradients, earlier spikes move later ones. For regular
    firing over T ms compare 2 dt / T times it with the slope of the count with respect to the
    current (1 / pA; T / 1000 times the slope of the f-I curve in Hz/pA). With T of 300 and 1000 ms
    it was 0.3 to 0.9 of that slope in cells.RS and the mean-field cells.L5_PYRAMIDAL, but 0.03 to
    0.2 in cells.PV, and 0.001 to 0.01 in `LIFCell`, through whose reset no gradient passes.

    Example:
      >>> from neurogain.spiking import Drive, IzhikevichCell, cells
      >>> def spikes(current):
      ...     run = rollout(IzhikevichCell(), cells.RS, Drive(current), n=1, duration=500.0)
      ...     return run.recorded["spikes"].sum()
      >>> bool(jax.grad(spikes)(100.0) > 0)
      True
    """
    program, arrays, state, carries, _, recorders, steps = prepare(
        model,
        params,
        drive,
        n=n,
        duration=duration,
        dt=dt,
        key=key,
        record=record,
        state=state,
        first_step=first_step,
        dtype=dtype,
    )
    compilations.count()
    length = _segment(segment, steps, program.period)

    @functools.partial(jax.checkpoint, static_argnums=3)
    def run(carry: Any, arrays: Arrays, start: jax.Array, length: int) -> tuple[Any, Any]:
        state, carries, emitted = scan(program, length, arrays, carry[0], carry[1], start)
        return (state, carries), emitted

    whole, rest = divmod(steps, length)
    starts = first_step + length * jnp.arange(whole, dtype=jnp.int32)
    carry, emitted = jax.lax.scan(
        lambda c, start: run(c, arrays, start, length), (state, carries), starts
    )
    emitted = jax.tree.map(join, emitted)
    if rest:
        carry, last = run(carry, arrays, jnp.int32(first_step + whole * length), rest)
        emitted = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), emitted, last)
    state, carries = carry
    recorded = {
        name: samples
        if recorder.every
        else recorder.finish(folded, None, first_step=first_step, dt=dt)
        for (name, recorder), folded, samples in zip(
            recorders.items(), carries, emitted, strict=True
        )
    }
    return Result(state=state, step=first_step + steps, recorded=recorded)


def _check_memory(
    stacked: Mapping[str, float], recorders: Mapping[str, Recorder], steps: int, most: float
) -> None:
    """Raise ValueError if more than `most` bytes would be recorded.

    Events of spikes, whose number is not known, don't count.
    """
    kept = {
        name: size * steps
        for name, size in stacked.items()
        if not hasattr(recorders[name], "compress")
    }
    if sum(kept.values()) > most:
        name = max(kept, key=lambda name: kept[name])
        raise ValueError(
            f"`record` must keep at most {most / 2**30:.3g} GiB; it would keep "
            f"{sum(kept.values()) / 2**30:.3g} GiB, {kept[name] / 2**30:.3g} of them in {name!r}. "
            "Record fewer cells or synapses, a larger `every`, a Total or a histogram; or pass "
            "max_recorded_bytes."
        )


def _segment(segment: int | None, steps: int, period: int) -> int:
    if segment is not None:
        _checks.whole("segment", segment, 1)
    wanted = math.isqrt(steps) if segment is None else segment
    return min(steps, max(1, round(wanted / period)) * period)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _jitted_chunk(
    program: Program, length: int, arrays: Arrays, state: Any, carries: Any, start: Any
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    compilations.count()  # it is run where it is traced
    return scan(program, length, arrays, state, carries, start)


def _run_chunk(
    program: Program, length: int, arrays: Arrays, state: Any, carries: Any, start: Any
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Advance by `length` steps, with the values of series that act in them."""
    arrays = arrays._replace(drive=drives.window(arrays.drive, length, start))
    return _jitted_chunk(program, length, arrays, state, carries, start)


def _to_host(recorder: Recorder, values: Any, start: int) -> Any:
    values = jax.tree.map(np.asarray, values)
    compress = getattr(recorder, "compress", None)
    return values if compress is None else compress(values, first_step=start)


@jax.jit
def _all_finite(state: Any) -> jax.Array:
    leaves = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.ones((), bool), *(jnp.all(jnp.isfinite(x)) for x in leaves)]))


def _is_finite(state: Any) -> bool:
    return bool(_all_finite(state))


def _locate(
    program: Program, arrays: Arrays, state: Any, start: int, length: int
) -> NonFiniteError:
    """Run the chunk again, step by step, and say where it stopped being finite."""
    one = dataclasses.replace(program, recorders=())
    for step in range(start, start + length):
        state, _, _ = _run_chunk(one, 1, arrays, state, (), step)
        if not _is_finite(state):
            break
    found = nonfinite.first(state, step, dt=program.dt, network=hasattr(program.model, "size"))
    if found is not None:
        return found
    return NonFiniteError(  # step by step it rounds otherwise, and stays finite
        f"The state stops being finite between steps {start} and {start + length - 1} "
        f"({start * program.dt:g} to {(start + length) * program.dt:g} ms). Look for a drive that "
        "is too strong there, or take a shorter dt."
    )
