"""Time a training step of spiking layers beside Spyx, snnTorch and Norse, in one run.

A step is forward, backward and Adam on one batch of random spikes: 700 channels, 128 cells with
synaptic current, 20 leaky read-outs whose largest potential is the logit, 100 steps of 1 ms, 128
examples. Cases: `lif`, `recurrent`, and `l5`, two-compartment pyramidal cells in the mean field in
four sub-steps of 0.25 ms, which no other library has.

All have one product of the input, and one of the spikes that are read, for all steps; Norse's
recurrent cells alone multiply the input in each step, since they hold its weights. Measured: each
once untimed (what that takes longer is the compilation), then rounds in random order; medians of
the rounds' ratios, all on the CPU.

Expected before measuring: forward and backward are the same matrix products everywhere, and what
differs is what lies around them: compiled loops (ours, Spyx) need no Python in a step, eager
PyTorch has some 2,000 calls. So ours is to be as fast as Spyx and well below the others.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.measure import compared, timed
from benchmarks.record import Record, table
from benchmarks.spiking._peers import PEERS, Task, there
from neurogain.experiments.spiking_cells import CELLS
from neurogain.spiking.readouts import Readout

ABOUT = {
    "title": "Speed of training layers of spiking cells",
    "minutes": 5,
    "needs": "an idle CPU (JAX_PLATFORMS=cpu); Spyx, snnTorch, Norse as peers, if installed",
}
TINY = {"rounds": 1, "channels": 7, "hidden": 5, "batch": 3, "steps": 4}
Case = Literal["lif", "recurrent", "l5"]
OURS = "neurogain"


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Time a training step of spiking layers beside Spyx, snnTorch and Norse."""

    cases: tuple[Case, ...] = ("lif", "recurrent", "l5")
    """Layers; l5: pyramidal cells, of ours alone."""
    rounds: int = 15
    """Timed steps of each, at least 1."""
    channels: int = 700
    """Input channels."""
    hidden: int = 128
    """Cells."""
    classes: int = 20
    """Read-outs."""
    batch: int = 128
    """Examples."""
    steps: int = 100
    """Steps of an example."""


def ours(task: Task, cell: str) -> Callable[[], Any]:
    """Return an update of our layer."""
    channels = task.spikes.shape[2]
    layer = CELLS[cell].layer(channels, task.hidden, recurrent=task.recurrent)
    readout = Readout(task.hidden, task.classes, "max")
    of_layer, of_readout = jax.random.split(jax.random.key(0))
    params = {"hidden": layer.init(of_layer), "output": readout.init(of_readout)}
    tx = optax.adam(1e-3)
    x, labels = jnp.asarray(task.spikes.swapaxes(0, 1)), jnp.asarray(task.labels)

    def loss(params: Any) -> Any:
        logits = readout.apply(params["output"], layer.apply(params["hidden"], x)[0])
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def update(params: Any, state: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value

    held = [params, tx.init(params)]

    def step() -> float:
        *held[:], value = update(*held)
        return float(value)

    return step


def measure(args: Arguments, case: str, peers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Time all libraries on one case."""
    rng = np.random.default_rng(0)
    shape = (args.batch, args.steps, args.channels)
    spikes = (rng.random(shape) < 0.02).astype(np.float32)
    labels = rng.integers(0, args.classes, args.batch).astype(np.int32)
    task = Task(spikes, labels, args.hidden, args.classes, case == "recurrent")
    cell = "l5" if case == "l5" else "lif"
    steps = {OURS: ours(task, cell)}
    steps |= {name: PEERS[name](task) for name in peers if case != "l5"}
    runs = {name: lambda _, step=step: timed(step) for name, step in steps.items()}
    found = compared(runs, args.rounds)
    cell_steps = args.batch * args.steps * args.hidden * CELLS[cell].substeps
    return [
        {
            "case": case,
            "library": name,
            "ms": 1e3 * own.median,
            "ms_per_round": [1e3 * wall for wall in own.walls],
            "compile_s": own.compile_s,
            "ours_to_it": float(np.median(np.divide(found[OURS].walls, own.walls))),
            "ns_per_cell_step": 1e9 * own.median / cell_steps,
        }
        for name, own in found.items()
    ]


COLUMNS = (
    ("layer", "case", "<10"), ("library", "library", "<10"), ("ms a step", "ms", "10.1f"),
    ("ours to it", "ours_to_it", "11.2f"), ("first step, s", "compile_s", "14.1f"),
    ("ns a cell-step", "ns_per_cell_step", "15.2f"),
)  # fmt: skip


def run(args: Arguments, record: Record) -> None:
    """Time every case; a ValueError where JAX computes on something else than the CPU."""
    if jax.default_backend() != "cpu":
        raise ValueError("all libraries are timed on the CPU; set JAX_PLATFORMS=cpu")
    peers = there()
    rows = [row for case in args.cases for row in measure(args, case, peers)]
    missing = [name for name in PEERS if name not in peers]
    record.versions |= peers
    record.table = table(COLUMNS, rows)
    record.data = {"rows": rows, "sizes": dataclasses.asdict(args), "cores": os.cpu_count()}
    record.notes.append(
        f"On {os.cpu_count()} CPU cores; {args.channels}-{args.hidden}-{args.classes}, "
        f"{args.steps} steps, batch {args.batch}. `ours to it`: below 1, ours takes less time. A "
        "cell-step is a cell's own step, forward, backward and all that belongs to it."
    )
    if missing:
        record.notes.append(f"Not installed, so not measured: {', '.join(missing)}.")
