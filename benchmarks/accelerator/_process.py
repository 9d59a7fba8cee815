"""One piece of `accelerator` as a process that ends at its time limit."""

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
from benchmarks.measure import environment
from benchmarks.registry import ROOT

GRACE = 10.0  # s from being asked to end to being killed
OWN = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "MPLBACKEND": "Agg"}
"""JAX takes memory as it needs it, since pieces and their own processes share the device."""


class Running:
    """A piece that was started; `ended` says when it isn't any more."""

    def __init__(
        self, piece: Piece, folder: Path, cache: Path, *, data_dir: Path | None, tiny: bool,
        limit: float,
    ):  # fmt: skip
        """Start it; only pieces that don't measure speed find programs compiled before."""
        self.piece, self.folder, self.limit = piece, folder.resolve(), limit
        self.data_dir = None if data_dir is None else data_dir.resolve()
        self.beside: set[str] = set()
        self.stopped = False
        words = shlex.split(piece.command.replace(" DIR", f" {self.data_dir}"))[1:]
        words += ["--tiny"] * tiny + ["--out", str(self.folder), "--work", f"{self.folder}/work"]
        env = {**OWN, **piece.env}
        if not piece.alone:
            env["JAX_COMPILATION_CACHE_DIR"] = str(cache.resolve())
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "stdout.txt").unlink(missing_ok=True)
        self.start, self._since = time.perf_counter(), time.time()
        with (
            (self.folder / "stdout.txt").open("w") as out,
            (self.folder / "stderr.txt").open("a") as err,
        ):
            self._process = subprocess.Popen(
                [sys.executable, *words], cwd=ROOT, env=environment(**env), stdout=out, stderr=err,
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
            self.stopped, self._asked = True, time.perf_counter()
            self._signal(signal.SIGINT)  # as Ctrl-C does
        if self._asked is not None and time.perf_counter() - self._asked > GRACE:
            self._signal(signal.SIGKILL)
        return False

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
        if self._process.returncode == 0 and self.result() is not None:
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
        found = [p for p in self.folder.glob("*.json") if p.stat().st_mtime >= self._since - 1]
        return json.loads(self.clean(found[0].read_text())) if found else None

    def printed(self) -> str:
        """Return what it printed, without where it wrote."""
        text = self.clean((self.folder / "stdout.txt").read_text(errors="replace"))
        return text.split("\nWritten:")[0].strip("\n")

    def clean(self, text: str) -> str:
        """Return a text without the folders of this machine."""
        names = {str(self.folder): "OUT", str(ROOT): ".", str(Path.home()): "~"}
        if self.data_dir is not None:
            names = {str(self.data_dir): "DIR"} | names
        for name, short in names.items():
            text = text.replace(name, short) if len(name) > 1 else text  # / may be a home
        return text
