"""Experiments of the command line as benchmarks: run one, keep what it prints, draws and finds."""

import contextlib
import io
import json
import shutil
from collections.abc import Sequence

from benchmarks.record import Record
from neurogain import cli


def keep(record: Record, words: Sequence[str], figures: Sequence[str] = (), note: str = "") -> None:
    """Run `neurogain WORDS`, which goes on where it was stopped, and fill in the record.

    Its folder lies in `record.work`; what is finished there is not run again. `figures`: names of
    those to keep; all where there are none.
    """
    folder, printed = record.work / record.name, io.StringIO()
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
        f"`neurogain {' '.join(words)}`; its metrics.json is under `metrics`. {note}".rstrip()
    )
    record.data["metrics"] = metrics
