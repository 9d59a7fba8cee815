"""What `neurogain cell-types` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables
from neurogain.experiments.spiking_report import differences, rows


def table(metrics: Mapping[str, Any]) -> str:
    """Return the accuracies, and what types add."""
    config = metrics["config"]
    lines = [
        *tables.wrapped(
            f"{config['task']} with {config['contexts']} maps of labels, told by a modulator "
            f"alone: {config['hidden']} {config['cell']} cells, {config['optimizer']}, "
            f"{config['updates']} updates"
        ),
        *rows(metrics["networks"]),
    ]
    if metrics["difference_to_first"]:
        title = f"Accuracy less that of {metrics['first']!r}, in pairs:"
        lines += differences(title, metrics["difference_to_first"])
    return "\n".join([*lines, *tables.wrapped(tables.intervals_over(config["seeds"], "seed"))])
