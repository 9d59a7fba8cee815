"""Run all benchmarks and experiments that can use an accelerator, in short pieces that resume.

    python benchmarks/run.py run accelerator --list
    python benchmarks/run.py run accelerator --pieces optimizer-overhead cell-throughput
    python benchmarks/run.py run accelerator --data-dir DIR --jobs 6 --limit-s 600 --total-s 550

Each piece is a process with a time limit of its own; where one fails or is stopped, the others go
on. Those that measure speed run alone, the others up to --jobs at once. A piece that is finished
writes a JSON file with its device, versions and commit, and isn't run again on these. One that was
stopped keeps what it had finished in --work and goes on from there, where its benchmark can do
that; its logs, stdout.txt and stderr.txt, lie there too.
"""

import dataclasses
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import device
from benchmarks.accelerator._pieces import PIECES, Piece
from benchmarks.accelerator._process import GRACE, OWN, Running
from benchmarks.measure import call
from benchmarks.record import RESULTS, Record, dumped
from benchmarks.registry import ROOT

ABOUT = {
    "title": "All that can use an accelerator, in pieces",
    "minutes": 190,
    "needs": "a GPU; data sets in --data-dir for some pieces",
}
TINY = {"tiny": True, "allow_cpu": True, "limit_s": 300.0, "jobs": 2}
KEY = ("command", "tiny", "env", "source", "versions")  # what a finished piece is valid for


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run all benchmarks and experiments that can use an accelerator, in pieces that resume."""

    pieces: tuple[str, ...] = ()
    """Which to run, in this order; all of them if none is named."""
    list: bool = False
    """Show the pieces, and run none."""
    data_dir: Path | None = None
    """Folder of sets prepared by TensorFlow Datasets; pieces that need one are left out without."""
    limit_s: float = 120.0
    """s, after which a piece is stopped."""
    total_s: float | None = None
    """s, in which all is to end; a measurement of speed that is expected to take longer than is
    left isn't begun."""
    jobs: int = 1
    """Pieces at once, of those that don't measure speed."""
    resume: bool = True
    """Keep what was finished with this code, with these versions and on this device."""
    commit: str | None = None
    """What this is a copy of, where the repository here can't tell."""
    allow_cpu: bool = False
    """Run without an accelerator, into another folder."""
    tiny: bool = False
    """Try the pieces in their tiny form, which measures nothing."""


def choose(args: Arguments) -> list[Piece]:
    """Return the pieces; a ValueError for unknown ones and numbers out of range."""
    known = {piece.name: piece for piece in PIECES}
    unknown = [name for name in args.pieces if name not in known]
    if unknown:
        raise ValueError(f"`pieces` must be of {', '.join(known)}; got {', '.join(unknown)}.")
    for name in ("limit_s", "jobs", "total_s"):
        value = getattr(args, name)
        if value is not None and not value >= 1:
            raise ValueError(f"`{name}` must be at least 1; got {value!r}.")
    return [known[name] for name in dict.fromkeys(args.pieces)] or [*PIECES]


class Place(NamedTuple):
    """Where and of what it is measured."""

    device: dict[str, Any]
    versions: dict[str, str]
    commit: str | None
    uncommitted: bool | None  # whether code differs from the commit
    source: str  # digest of the code that is measured


def git(*words: str) -> str | None:
    """Return what git says, None where there is no repository."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def place(args: Arguments) -> Place:
    """Look at the device, from a process that ends, and the commit.

    Raises:
      ValueError: if there is no accelerator and none is asked for.
    """
    found = call(device.stamp, what="JAX or neurogain", **OWN)
    if found["device"]["platform"] == "cpu" and not args.allow_cpu:
        raise ValueError(
            "JAX finds no accelerator here. Pass --allow-cpu --out another/folder to run on the "
            "CPU all the same."
        )
    head = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
    return Place(
        found["device"],
        found["versions"],
        args.commit or head,
        None if changed is None else bool(changed),
        source(),
    )


def source() -> str:
    """Return a digest of the package and the benchmarks."""
    digest = hashlib.sha256()
    for path in sorted(
        p for room in ("neurogain", "benchmarks") for p in (ROOT / room).rglob("*.py")
    ):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def key(args: Arguments, piece: Piece, here: Place) -> dict[str, Any]:
    """Return what a result of the piece is valid for."""
    values = (piece.command, args.tiny, dict(piece.env), here.source, here.versions)
    return dict(zip(KEY, values, strict=True))


def folder_of(record: Record, args: Arguments, piece: Piece, here: Place) -> Path:
    """Return where a piece works; another place for another commit, version or device."""
    text = json.dumps(key(args, piece, here), sort_keys=True)
    return record.work / piece.name / hashlib.sha256(text.encode()).hexdigest()[:8]


def earlier(record: Record, args: Arguments, piece: Piece, here: Place) -> dict[str, Any] | None:
    """Return the result that is there, if it is valid."""
    path = record.out / f"{piece.name}.json"
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    same = {name: content.get(name) for name in KEY} == key(args, piece, here)
    return content if same else None


def most_memory(value: Any) -> float:
    """Return the largest peak that a result names, of its own processes, in MiB."""
    if isinstance(value, dict):
        own = value.get("device_peak_mib") or 0.0
        return max([own, *map(most_memory, value.values())])
    return max(map(most_memory, value), default=0.0) if isinstance(value, list) else 0.0


def keep(record: Record, args: Arguments, run: Running, here: Place) -> dict[str, Any]:
    """Write the file of a piece that ended, and return its content."""
    piece, old = run.piece, earlier(record, args, run.piece, here)
    result = run.result() or {}
    device = here.device | result.pop("device", {})
    device["device_peak_mib"] = max(most_memory(device), most_memory(result)) or None
    shown = ("title", "command", "table", "notes", "figures")
    content = {
        "schema_version": 1,
        "piece": piece.name,
        "title": piece.title,
        **key(args, piece, here),
        "commit": here.commit,
        "uncommitted_changes": here.uncommitted,
        "status": run.status,
        "error": run.error(),
        "device": device,
        "alone": piece.alone,
        "beside": sorted(run.beside),
        "limit_s": run.limit,
        "expected_s": piece.seconds,
        "wall_time_s": run.seconds,
        "stopped_after_s": [],
        "table": result.get("table") or run.printed(),
        "notes": result.get("notes", []),
        "result": {k: v for k, v in result.items() if k not in shown} or None,
    }
    if old is not None and old["status"] == "stopped":
        content["stopped_after_s"] = [*old["stopped_after_s"], old["wall_time_s"]]
    path = record.out / f"{piece.name}.json"
    part = path.with_suffix(".part")
    part.write_text(dumped(content) + "\n")
    part.replace(path)
    return content


class Queue:
    """Pieces that wait and that run."""

    def __init__(self, record: Record, args: Arguments, pieces: list[Piece], here: Place):
        """Begin with all of them waiting."""
        self.record, self.args, self.here = record, args, here
        self.waiting, self.running = list(pieces), list[Running]()
        self.lines: dict[str, dict[str, Any]] = {}
        self._end = time.perf_counter() + (args.total_s or float("inf"))

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._end - time.perf_counter()

    def skip(self, piece: Piece) -> str | None:
        """Return why a piece isn't run, None if it is."""
        args = self.args
        old = earlier(self.record, args, piece, self.here) if args.resume else None
        if old is not None and old["status"] == "measured":
            return "kept"
        if piece.needs and not (args.data_dir and (args.data_dir / piece.needs).is_dir()):
            return f"needs {piece.needs} in --data-dir"
        needed = piece.seconds if piece.alone and not args.tiny else GRACE
        return "no time left" if self.left() < needed + GRACE else None

    def fits(self, piece: Piece) -> bool:
        """Return whether a piece may run beside what runs."""
        if piece.alone:
            return not self.running
        apart = not any(run.piece.alone for run in self.running)
        return apart and len(self.running) < self.args.jobs

    def begin(self, piece: Piece) -> None:
        """Start a piece."""
        args = self.args
        folder = folder_of(self.record, args, piece, self.here)
        if not args.resume:
            shutil.rmtree(folder, ignore_errors=True)
        limit = min(args.limit_s, self.left() - GRACE)
        print(f"{piece.name}: started, expected {piece.seconds:g} s", flush=True)
        cache = self.record.work / "cache"
        run = Running(piece, folder, cache, data_dir=args.data_dir, tiny=args.tiny, limit=limit)
        for other in self.running:
            run.beside.add(other.piece.name)
            other.beside.add(piece.name)
        self.running.append(run)

    def turn(self) -> None:
        """Start what fits, keep what has ended."""
        while self.waiting and self.fits(self.waiting[0]):
            piece = self.waiting.pop(0)
            reason = self.skip(piece)
            self.lines[piece.name] = {"status": reason}
            if reason is None:
                self.begin(piece)
        for run in [r for r in self.running if r.ended()]:
            self.running.remove(run)
            content = keep(self.record, self.args, run, self.here)
            self.lines[run.piece.name] = content
            reason = f": {content['error']}" if content["error"] else ""
            print(f"{run.piece.name}: {run.status} after {run.seconds:.0f} s{reason}", flush=True)


def summary(lines: list[dict[str, Any]], here: Place) -> str:
    """Return a line for each piece."""
    text = [f"{'piece':<38}{'seconds':>8}{'expected':>10}{'peak MiB':>10}  status"]
    for line in lines:
        cells = f"{'-':>8}{'-':>10}{'-':>10}"
        if "wall_time_s" in line:
            most = line["device"]["device_peak_mib"]
            memory = "-" if most is None else f"{most:,.0f}"
            cells = f"{line['wall_time_s']:>8.0f}{line['expected_s']:>10.0f}{memory:>10}"
        text.append(f"{line['piece']:<38}{cells}  {line['status']}")
    device, versions = here.device, here.versions
    return "\n".join(text) + f"\n{device['kind']}, jax {versions['jax']}, commit {here.commit}"


def listing(pieces: list[Piece]) -> str:
    """Return the pieces and their commands."""
    text = [f"{'piece':<38}{'expected s':>10}  {'runs':<7}needs"]
    for piece in pieces:
        runs = "alone" if piece.alone else "shared"
        text.append(f"{piece.name:<38}{piece.seconds:>10g}  {runs:<7}{piece.needs}".rstrip())
        text.append(f"    {piece.command}")
    return "\n".join(text) + f"\n{sum(piece.seconds for piece in pieces):g} s in all"


def run(args: Arguments, record: Record) -> None:
    """Run the pieces, print a summary."""
    pieces = choose(args)
    if args.list:
        print(listing(pieces))
        return
    record.out /= "accelerator"
    if args.allow_cpu and record.out.resolve() == (RESULTS / "accelerator").resolve():
        raise ValueError(f"`out` must not be {RESULTS} with allow_cpu. Pass --out another/folder.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    here = place(args)
    record.out.mkdir(parents=True, exist_ok=True)
    queue = Queue(record, args, pieces, here)
    try:
        while queue.waiting or queue.running:
            queue.turn()
            time.sleep(0.1)
    finally:
        for one in queue.running:
            one.kill()
    lines = [{"piece": piece.name} | queue.lines[piece.name] for piece in pieces]
    print(f"\n{summary(lines, here)}\nWritten: {record.out}, logs in {record.work}")
