"""State and curves of runs behind every task, kept in a folder by Orbax, so that runs go on."""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from neurogain import _seeds
from neurogain._extras import extra
from neurogain.continual.protocol import Protocol
from neurogain.continual.runs import Runs, RunState, TaskCurves, plain
from neurogain.continual.stream import Stream

_ABOUT = "runs.json"


class TaskCheckpoints:
    """A folder with `task_0`, `task_1`, ..., one for each finished task, and what the runs are.

    A task's folder is one of Orbax, with the parameters, the statistics, and the states of
    optimizer and strategy of all runs; its curves are in `task_0_curves.npz` and so on.
    """

    def __init__(self, folder: str | os.PathLike[str], about: Mapping[str, Any]) -> None:
        """Open or make the folder.

        Args:
          folder: where it is.
          about: what the runs are, in JSON; see `described`.

        Raises:
          MissingExtraError: if Orbax is not installed.
          ValueError: if the folder holds something else, or other runs.
        """
        with extra("continual"):
            import orbax.checkpoint

        self._orbax = orbax.checkpoint
        self._folder = Path(folder).absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / _ABOUT
        if not file.exists():
            if any(self._folder.iterdir()):
                raise ValueError(
                    "`checkpoint_dir` must be a new or empty folder, or hold these runs; "
                    f"{self._folder} has no {_ABOUT}. Pass another folder."
                )
            file.write_text(json.dumps(about, indent=1) + "\n")
        saved = json.loads(file.read_text())
        wanted = json.loads(json.dumps(about))
        for name in wanted:
            if saved.get(name) != wanted[name]:
                raise ValueError(
                    f"`checkpoint_dir` must hold these runs; {self._folder} has {name} "
                    f"{saved.get(name)!r:.200}, here {wanted[name]!r:.200}. Pass another folder."
                )

    def save(self, task: int, runs: Runs, curves: TaskCurves) -> None:
        """Keep the runs behind a task, with its curves."""
        np.savez(self._folder / f"task_{task}_curves.npz", **curves._asdict())
        with self._orbax.StandardCheckpointer() as checkpointer:
            checkpointer.save(self._folder / f"task_{task}", _tree(runs))
            checkpointer.wait_until_finished()

    def restored(self, runs: Runs) -> tuple[Runs, list[TaskCurves]]:
        """Return the runs behind the last task that is kept, with the curves of all tasks so far.

        `runs` are those before the first update.
        """
        parts: list[TaskCurves] = []
        while (self._folder / f"task_{len(parts)}").exists():
            with np.load(self._folder / f"task_{len(parts)}_curves.npz") as found:
                parts.append(TaskCurves(**found))
        if not parts:
            return runs, parts
        with self._orbax.StandardCheckpointer() as checkpointer:
            tree = checkpointer.restore(self._folder / f"task_{len(parts) - 1}", _tree(runs))
        state = plain(runs.state)
        return runs.at(RunState(**(state._asdict() | tree))), parts


def _tree(runs: Runs) -> dict[str, PyTree]:
    """Return what is saved of the state, field by field, without those that hold nothing."""
    fields = plain(runs.state)._asdict()
    return {name: tree for name, tree in fields.items() if jax.tree.leaves(tree)}


def described(
    runs: Runs, stream: Stream, protocol: Protocol, options: Mapping[str, object]
) -> dict[str, Any]:
    """Return in JSON what tells runs apart: all but functions.

    Args:
      runs: before the first update.
      stream: that is trained on; its training examples are told apart by their CRC-32.
      protocol: see `Trainer`.
      options: other fields of the trainer.
    """
    state = plain(runs.state)
    arrays = map(np.ascontiguousarray, (stream.images, stream.labels))
    names, leaves = _seeds.leaf_names(state), jax.tree.leaves(state)
    return {
        "seeds": [int(seed) for seed in runs.seeds],
        "constants": {name: np.asarray(x).tolist() for name, x in runs.constants.items()},
        "protocol": repr(protocol),
        "stream": {
            "name": stream.name,
            "starts": np.asarray(stream.starts).tolist(),
            "crc32": [zlib.crc32(x.data) for x in arrays],
        },
        "options": dict(options),
        "state": {n: f"{x.dtype}{list(x.shape)}" for n, x in zip(names, leaves, strict=True)},
    }
