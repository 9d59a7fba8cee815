"""State and curves of runs behind every task, kept in a folder by Orbax, so that runs go on."""

import contextlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from neurogain import _checks, _seeds
from neurogain._extras import extra
from neurogain.continual.protocol import Protocol
from neurogain.continual.runs import Runs, RunState, TaskCurves, plain
from neurogain.continual.stream import Stream

_ABOUT = "runs.json"
_AGAIN = "Delete the files of this task and of later ones, or pass another folder."


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
          ValueError: if the folder holds something else, or other runs, or a file is damaged.
        """
        with extra("continual"):
            import orbax.checkpoint

        self._orbax = orbax.checkpoint
        if not isinstance(folder, str | os.PathLike):
            raise TypeError(f"`checkpoint_dir` must be the path of a folder; got {folder!r:.200}.")
        self._folder = Path(folder).expanduser().absolute()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ValueError(
                f"`checkpoint_dir` must be a folder; {error.filename} or what it lies in is a "
                "file. Pass another path."
            ) from error
        file = self._folder / _ABOUT
        if not file.exists():
            if any(self._folder.iterdir()):
                raise ValueError(
                    "`checkpoint_dir` must be a new or empty folder, or hold these runs; "
                    f"{self._folder} has no {_ABOUT}. Pass another folder."
                )
            file.write_text(json.dumps(about, indent=1) + "\n")
        with _told(file, "Pass another folder."):
            saved = json.loads(file.read_text())
        wanted = json.loads(json.dumps(about))
        if found := _difference(saved, wanted):
            where, there, here = found
            raise ValueError(
                f"`checkpoint_dir` must hold these runs; in {self._folder} {where} is "
                f"{there!r:.200}, here {here!r:.200}. Pass another folder."
            )

    def save(self, task: int, runs: Runs, curves: TaskCurves) -> None:
        """Keep the runs behind a task, with its curves."""
        np.savez(self._folder / f"task_{task}_curves.npz", **curves._asdict())
        with self._orbax.StandardCheckpointer() as checkpointer:
            checkpointer.save(self._folder / f"task_{task}", _tree(runs))
            checkpointer.wait_until_finished()

    def restored(self, runs: Runs) -> tuple[Runs, list[TaskCurves]]:
        """Return the runs behind the last task that is kept, with the curves of all tasks so far.

        `runs` are those before the first update. Raises ValueError for a file that is damaged.
        """
        parts: list[TaskCurves] = []
        while (self._folder / f"task_{len(parts)}").exists():
            file = self._folder / f"task_{len(parts)}_curves.npz"
            with _told(file, _AGAIN), np.load(file) as found:
                parts.append(TaskCurves(**found))
        if not parts:
            return runs, parts
        last = self._folder / f"task_{len(parts) - 1}"
        with _told(last, _AGAIN), self._orbax.StandardCheckpointer() as checkpointer:
            tree = checkpointer.restore(last, _tree(runs))
        state = plain(runs.state)
        return runs.at(RunState(**(state._asdict() | tree))), parts


@contextlib.contextmanager
def _told(path: Path, way_out: str) -> Iterator[None]:
    """Raise a ValueError that says which file can't be read; errors of the disk say it as it is."""
    try:
        yield
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # whatever Orbax raises
        raise ValueError(
            f"`checkpoint_dir` must hold what was saved; {path} can't be read "
            f"({_checks.said(error)}). {way_out}"
        ) from error


def _difference(there: Any, here: Any, where: str = "") -> tuple[str, Any, Any] | None:
    """Return where two JSON values first differ, with what is in each; None where they don't."""
    if isinstance(there, dict) and isinstance(here, dict):
        pairs = {name: (there.get(name), here.get(name)) for name in here | there}
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = dict(enumerate(zip(there, here, strict=True)))
    else:
        return None if there == here else (where, there, here)
    found = (_difference(*pair, f"{where}[{name!r}]") for name, pair in pairs.items())
    return next(filter(None, found), None)


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
