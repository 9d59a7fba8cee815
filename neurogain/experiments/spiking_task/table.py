"""What `neurogain spiking-task` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import stats, tables


def table(metrics: Mapping[str, Any]) -> str:
    """Return accuracy and rates in a few lines."""
    config = metrics["config"]
    rows = [
        ("accuracy on test examples", stats.text(metrics["test_accuracy"], ".3f")),
        ("  after half of the updates", stats.text(metrics["accuracy_halfway"], ".3f")),
        ("  by chance", f"{metrics['chance']:.3f}"),
        ("rate of the cells, Hz", stats.text(metrics["rate_hz"], ".1f")),
        ("largest norm of a gradient", stats.text(metrics["largest_gradient_norm"], ".1f")),
    ]
    learned = f", {' '.join(config['learn'])} learned" if config["learn"] else ""
    return "\n".join(
        [
            *tables.wrapped(
                f"{config['task']}: {config['hidden']} {config['cell']} cells"
                f"{', recurrent' if config['recurrent'] else ''}{learned}, "
                f"{metrics['parameters']} parameters, {config['optimizer']}, {config['updates']} "
                "updates"
            ),
            *tables.lines("{:<30}{:<40}", rows),
            *tables.wrapped(tables.intervals_over(config["seeds"], "seed") + "."),
        ]
    )
