"""Run all benchmarks and experiments that can use an accelerator, in short pieces that resume.

    python benchmarks/run.py run accelerator --list
    python benchmarks/run.py run accelerator --pieces optimizer-overhead cell-throughput
    python benchmarks/run.py run accelerator --data-dir DIR --jobs 6 --limit-s 600 --total-s 550

Each piece is a process with a time limit of its own; where one fails or is stopped, the others go
on. Those that measure speed run first, alone, the others after them, up to --jobs at once. A piece
that is finished writes a JSON file with its device, versions and commit, and isn't run again on
these. One that was stopped keeps what it had finished in --work and goes on from there, where its
benchmark can do that; its logs, stdout.txt and stderr.txt, lie there too.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from benchmarks import device
from benchmarks.accelerator._pieces import ENVIRONMENTS, PIECES, Piece
from benchmarks.measure import call
from benchmarks.record import RESULTS, Record, dumped, table, whole
from benchmarks.registry import ROOT
from neurogain.options import by_default

ABOUT = {
    "title": "All that can use an accelerator, in pieces",
    "minutes": 190,
    "needs": "a GPU; data sets in --data-dir for some pieces",
}
TINY = {"tiny": True, "allow_cpu": True, "limit_s": 300.0, "jobs": 2}
NAMES = tuple(piece.name for piece in PIECES)
GRACE = 10.0  # s from being asked to end to being killed
OWN = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "MPLBACKEND": "Agg"}
"""JAX takes memory as it needs it, since pieces and their own processes share the device."""


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run all benchmarks and experiments that can use an accelerator, in pieces that resume."""

    pieces: tuple[Literal[NAMES], ...] = by_default("all", ())
    """Pieces to run."""
    list: bool = False
    """Show the pieces, and run none."""
    data_dir: Path | None = by_default("none")
    """Folder of sets prepared by TensorFlow Datasets; pieces that need one are left out without."""
    limit_s: float = 120.0
    """s, after which a piece is stopped."""
    total_s: float = float("inf")
    """s, in which all is to end; a measurement of speed that is expected to take longer than is
    left isn't begun."""
    jobs: int = 1
    """Pieces at once, of those that don't measure speed."""
    resume: bool = True
    """Keep what was finished with this code, with these versions and on this device."""
    commit: str | None = by_default("what git says")
    """What this is a copy of, where the repository here can't tell."""
    allow_cpu: bool = False
    """Run without an accelerator, into another folder."""
    tiny: bool = False
    """Try the pieces in their tiny form, which measures nothing."""

    def __post_init__(self) -> None:
        """Raise ValueError for numbers out of range."""
        for name in ("limit_s", "jobs", "total_s"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"`{name}` must be at least 1; got {getattr(self, name)!r}.")


def git(*words: str) -> str | None:
    """Return what git says, None where there is no repository."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def digest(value: Any) -> str:
    """Return a short text that changes with a value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def most_memory(value: Any) -> float:
    """Return the largest peak that a result names, of its own processes, in MiB."""
    if isinstance(value, dict):
        own = value.get("device_peak_mib") or 0.0
        return max([own, *map(most_memory, value.values())])
    return max(map(most_memory, value), default=0.0) if isinstance(value, list) else 0.0


class Pieces:
    """Pieces of one start: where they are measured, until when, and what has become of them."""

    def __init__(self, args: Arguments, record: Record):
        """Look at the device, from a process that ends, and at the commit.

        Raises:
          ValueError: if there is no accelerator and none is asked for.
        """
        self.args, self.out, self.work = args, record.out / "accelerator", record.work
        found = call(device.stamp, **OWN)
        self.device, self.versions = found["device"], found["versions"]
        files = sorted(
            p for room in ("neurogain", "benchmarks") for p in (ROOT / room).rglob("*.py")
        )
        self.source = digest({p.relative_to(ROOT).as_posix(): p.read_text() for p in files})
        if self.device["platform"] == "cpu" and not args.allow_cpu:
            raise ValueError(
                "JAX finds no accelerator here. Pass --allow-cpu --out another/folder to run on "
                "the CPU all the same."
            )
        if args.allow_cpu and record.out.resolve() == RESULTS:
            raise ValueError(f"`out` must not be {RESULTS} with allow_cpu; pass another --out.")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
        self.commit = args.commit or git("rev-parse", "HEAD")
        self.uncommitted = None if changed is None else bool(changed)
        self.end = time.perf_counter() + args.total_s
        self.spans: dict[str, tuple[float, float]] = {}  # from start to end, of those that ran
        self.processes: dict[str, subprocess.Popen] = {}

    def key(self, piece: Piece) -> dict[str, Any]:
        """Return what a result of the piece is valid for."""
        return {
            "command": piece.command,
            "tiny": self.args.tiny,
            "env": ENVIRONMENTS[piece.runs],
            "source": self.source,
            "versions": self.versions,
        }

    def earlier(self, piece: Piece) -> dict[str, Any]:
        """Return the result that is there, if it is valid; nothing otherwise."""
        path = self.out / f"{piece.name}.json"
        content = json.loads(path.read_text()) if path.exists() else {}
        same = all(content.get(name) == value for name, value in self.key(piece).items())
        return content if same else {}

    def skipped(self, piece: Piece) -> str | None:
        """Return why a piece isn't run, None if it is."""
        data_dir, left = self.args.data_dir, self.end - time.perf_counter()
        if self.args.resume and self.earlier(piece).get("status") == "measured":
            return "kept"
        if piece.needs and not (data_dir and (data_dir / piece.needs).is_dir()):
            return f"needs {piece.needs} in --data-dir"
        needed = piece.seconds if piece.alone and not self.args.tiny else GRACE
        return "no time left" if left < needed + GRACE else None

    def start(self, piece: Piece, folder: Path) -> subprocess.Popen:
        """Start a piece; only those that don't measure speed find programs compiled before."""
        words = [w.replace("DIR", f"{self.args.data_dir}") for w in shlex.split(piece.command)[1:]]
        words += ["--tiny"] * self.args.tiny + ["--out", f"{folder}", "--work", f"{folder}/work"]
        env = os.environ | OWN | ENVIRONMENTS[piece.runs]
        if not piece.alone:
            env["JAX_COMPILATION_CACHE_DIR"] = str((self.work / "cache").resolve())
        with (folder / "stdout.txt").open("w") as out, (folder / "stderr.txt").open("a") as err:
            return subprocess.Popen(
                [sys.executable, *words], cwd=ROOT, env=env, stdout=out, stderr=err,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def clean(self, folder: Path, path: Path) -> str:
        """Return the text of a file without the folders of this machine."""
        names = {str(folder): "OUT", str(ROOT): ".", str(Path.home()): "~"}
        text = path.read_text(errors="replace")
        for name, short in ({str(self.args.data_dir): "DIR"} | names).items():
            text = text.replace(name, short) if len(name) > 1 else text  # / may be a home
        return text

    def measure(self, piece: Piece) -> dict[str, Any]:
        """Run a piece unless there is a reason not to; write its file, return its content."""
        reason = self.skipped(piece)
        if reason is not None:
            return {"status": reason}
        folder = (self.work / piece.name / digest(self.key(piece))[:8]).resolve()
        if not self.args.resume:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{piece.name}: started, expected {piece.seconds:g} s", flush=True)
        since, begin = time.time() - 1, time.perf_counter()
        limit = min(self.args.limit_s, self.end - begin - GRACE)
        self.spans[piece.name] = (begin, float("inf"))
        process = self.processes[piece.name] = self.start(piece, folder)
        stopped = not ended(process, limit)
        if stopped:
            kill(process, signal.SIGINT)  # as Ctrl-C does
            ended(process, GRACE)
        kill(process)  # what it started and left
        process.wait()
        self.spans[piece.name] = (begin, time.perf_counter())
        texts = [self.clean(folder, p) for p in folder.glob("*.json") if p.stat().st_mtime > since]
        result = json.loads(texts[0]) if texts else {}
        done = process.returncode == 0 and bool(texts)
        status = "measured" if done else "stopped" if stopped else "failed"
        content = self.content(piece, folder, result, status) | {"limit_s": limit}
        whole(self.out / f"{piece.name}.json", dumped(content) + "\n")
        error = f": {content['error']}" if content["error"] else ""
        print(f"{piece.name}: {status} after {content['wall_time_s']:.0f} s{error}", flush=True)
        return content

    def content(
        self, piece: Piece, folder: Path, result: dict[str, Any], status: str
    ) -> dict[str, Any]:
        """Return the content of a piece's file."""
        old = self.earlier(piece)
        before = [*old["stopped_after_s"], old["wall_time_s"]] if "wall_time_s" in old else []
        begin, end = self.spans[piece.name]
        beside = (name for name, (b, e) in self.spans.items() if b < end and e > begin)
        errors = self.clean(folder, folder / "stderr.txt").splitlines()
        last = next((x.strip() for x in reversed(errors) if x.strip(" │╰╯─")), "no message")
        found = self.device | result.pop("device", {})
        found["device_peak_mib"] = max(most_memory(found), most_memory(result)) or None
        printed = self.clean(folder, folder / "stdout.txt").split("\nWritten:")[0].strip("\n")
        shown = ("title", "command", "table", "notes", "figures")
        return {
            "schema_version": 1,
            "piece": piece.name,
            "title": f"{result.get('title', piece.name)} ({piece.name})",
            **self.key(piece),
            "commit": self.commit,
            "uncommitted_changes": self.uncommitted,
            "status": status,
            "error": last if status == "failed" else None,
            "device": found,
            "alone": piece.alone,
            "beside": sorted({*beside} - {piece.name}),
            "expected_s": piece.seconds,
            "wall_time_s": end - begin,
            "stopped_after_s": before if old.get("status") == "stopped" else [],
            "table": result.get("table") or printed,
            "notes": result.get("notes", []),
            "result": {k: v for k, v in result.items() if k not in shown} or None,
        }


def ended(process: subprocess.Popen, seconds: float) -> bool:
    """Wait for a process; return whether it ended in time."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
    return False


def kill(process: subprocess.Popen, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def run(args: Arguments, record: Record) -> None:
    """Run the pieces, print a summary."""
    columns: Any = [("piece", "name", "<38"), ("expected s", "seconds", "10g")]
    chosen = [piece for piece in PIECES if not args.pieces or piece.name in args.pieces]
    if args.list:
        rows = [vars(piece) for piece in chosen]
        print(table([*columns, ("runs", "runs", "<8"), ("needs", "needs", "<1")], rows))
        print("\n".join(f"{piece.name}: {piece.command}" for piece in chosen))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pieces = Pieces(args, record)
    try:
        alone = [piece for piece in chosen if piece.alone]
        others = [piece for piece in chosen if not piece.alone]
        found = [pieces.measure(piece) for piece in alone]
        with ThreadPoolExecutor(args.jobs) as pool:
            found += pool.map(pieces.measure, others)
    finally:
        for process in pieces.processes.values():
            kill(process)
    peak = ("device", "device_peak_mib")
    columns += [("s", "wall_time_s", "8.0f"), ("peak MiB", peak, "10,.0f"), ("", "status", "<1")]
    print(table(columns, [vars(p) | f for p, f in zip([*alone, *others], found, strict=True)]))
    print(f"{pieces.device['kind']}, commit {pieces.commit}\nWritten: {pieces.out}")
