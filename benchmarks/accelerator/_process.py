"""One piece of `accelerator.py` as a process that ends at its time limit."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.accelerator._pieces import Piece

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("_child.py")
GRACE = 10.0  # s from being asked to end to being killed


def environment(piece: Piece, cache: Path) -> dict[str, str]:
    """Return the environment of a piece's process.

    JAX takes memory as it needs it, since pieces and their own processes share the device. Only
    pieces that don't measure speed find programs that were compiled before.
    """
    own = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "MPLBACKEND": "Agg", **piece.env}
    if not piece.alone:
        own["JAX_COMPILATION_CACHE_DIR"] = str(cache.resolve())
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | own | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def probe(folder: Path) -> dict[str, Any]:
    """Return device and versions, from a process that ends, so that this one holds no device."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "device.json"
    path.unlink(missing_ok=True)
    env = environment(Piece("", "", "", "", 0, ""), folder / "cache")
    words = [sys.executable, str(CHILD), str(path)]
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"JAX or neurogain can't be used here:\n{done.stderr[-1500:]}")
    return json.loads(path.read_text())


class Running:
    """A piece that was started; `ended` says when it isn't any more."""

    def __init__(
        self, piece: Piece, folder: Path, cache: Path, *, data_dir: Path | None, tiny: bool,
        limit: float,
    ):  # fmt: skip
        """Start it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.piece, self.folder, self.limit = piece, folder, limit
        self.data_dir = None if data_dir is None else data_dir.resolve()
        self.beside: set[str] = set()
        self.stopped = False
        self.result_path = folder / piece.result
        text = f"{piece.command} {piece.tiny if tiny else ''}"
        words = [w.format(out=folder.resolve(), data_dir=self.data_dir) for w in shlex.split(text)]
        for name in ("device.json", "stdout.txt"):
            (folder / name).unlink(missing_ok=True)
        self.start, self._since = time.perf_counter(), time.time()
        with (folder / "stdout.txt").open("w") as out, (folder / "stderr.txt").open("a") as err:
            self._process = subprocess.Popen(
                [sys.executable, str(CHILD), str(folder.resolve() / "device.json"), *words],
                cwd=ROOT, env=environment(piece, cache), stdout=out, stderr=err,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._asked: float | None = None

    @property
    def seconds(self) -> float:
        """Return the time since it was started."""
        return time.perf_counter() - self.start

    def ended(self) -> bool:
        """Return whether it has ended; ask it to, then kill it, where its time is up."""
        if self._process.poll() is not None:
            self._signal(signal.SIGKILL)  # what it started and left
            return True
        if self._asked is None and self.seconds > self.limit:
            self.stop()
        if self._asked is not None and time.perf_counter() - self._asked > GRACE:
            self._signal(signal.SIGKILL)
        return False

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C does."""
        self.stopped, self._asked = True, time.perf_counter()
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    @property
    def status(self) -> str:
        """Return how it ended."""
        if self._process.returncode == 0 and self.result_path.exists():
            return "measured"
        return "stopped" if self.stopped else "failed"

    def error(self) -> str | None:
        """Return the last line that it wrote to stderr, if it failed."""
        if self.status != "failed":
            return None
        lines = self.clean((self.folder / "stderr.txt").read_text(errors="replace")).splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip(" │╰╯─")), "no message")

    def result(self) -> dict[str, Any] | None:
        """Return the piece's own result as far as it came in this run, None without one."""
        path = self.result_path
        if not path.exists() or path.stat().st_mtime < self._since - 1:
            return None
        try:
            return json.loads(self.clean(path.read_text()))
        except json.JSONDecodeError:  # it was stopped while it wrote
            return None

    def printed(self) -> str:
        """Return what it printed, without where it wrote."""
        text = self.clean((self.folder / "stdout.txt").read_text(errors="replace"))
        return text.split("\nWritten:")[0].strip("\n")

    def device(self) -> dict[str, Any]:
        """Return its device, with the peak of its memory, as far as it said."""
        path = self.folder / "device.json"
        return json.loads(path.read_text())["device"] if path.exists() else {}

    def clean(self, text: str) -> str:
        """Return a text without the folders of this machine."""
        names = {str(self.folder.resolve()): "OUT", str(ROOT): ".", str(Path.home()): "~"}
        if self.data_dir is not None:
            names = {str(self.data_dir): "DIR"} | names
        for name, short in names.items():
            text = text.replace(name, short) if len(name) > 1 else text  # / may be a home
        return text
