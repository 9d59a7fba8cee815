"""Experiments of the command line as benchmarks: run one, keep what it prints, draws and finds."""

import contextlib
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.record import Record, anonymous
from neurogain import cli


def keep(record: Record, words: Sequence[str], figures: Sequence[str] = (), note: str = "") -> None:
    """Run `neurogain WORDS`, which goes on where it was stopped, and fill in the record.

    Its folder lies in `record.work`; what is finished there is not run again. `figures`: names of
    those to keep; all where there are none.
    """
    folder, printed = record.work / record.name, io.StringIO()
    record.resumed = any(folder.glob("curves/*"))  # then its time is not that of the measurement
    with contextlib.redirect_stdout(printed):
        cli.main([*words, "--out", str(folder), "--resume"])
    record.table = printed.getvalue().split("\nWritten:")[0].rstrip()
    record.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.png")):
        if not figures or path.stem in figures:
            record.figures.append(f"{record.name}_{path.name}")
            shutil.copy(path, record.out / record.figures[-1])
    metrics = json.loads((folder / "metrics.json").read_text())
    record.notes.append(
        f"`neurogain {' '.join(anonymous(words))}`; its metrics.json is under `metrics`. "
        f"{note}".rstrip()
    )
    if metrics["config"].get("data_dir"):
        metrics["config"]["data_dir"] = None
    record.data["metrics"] = metrics
    for name, one in _methods_not_run(record.earlier(), metrics).items():
        metrics["methods"].setdefault(name, one)
        record.notes.append(f"`{name}` was not run again: its figures are those of an earlier run.")


def variants(
    name: str, known: Mapping[str, Sequence[str]], words: Sequence[str], record: Record
) -> None:
    """Run `neurogain NAME` in variants, each with a title and options; all where none is named."""
    options = [word for word in words if word not in known]
    for variant in [word for word in words if word in known] or known:
        title, *own = known[variant]
        part = record.part(variant, title)
        keep(part, [name, *own, *options])
        part.finish()


def _methods_not_run(earlier: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the methods of a kept result that were not run now, if their protocol was the same.

    Options that came later than the result are not compared.
    """
    before = earlier.get("metrics", {})
    if not before.get("methods") or not same_protocol(before["config"], metrics["config"]):
        return {}
    return {n: one for n, one in before["methods"].items() if n not in metrics["methods"]}


def same_protocol(before: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Return whether methods of two configurations can stand in one table.

    Which methods they have, and where the data lie, is not compared; nor are options that came
    later than a result, but for those that tell how often it was evaluated.
    """
    always = {"dense": None, "sparse": None}  # evaluated as often all through a task
    apart = {"optimizers": None, "data_dir": None}
    return {**own, **always, **before, **apart} == {**own, **apart}
