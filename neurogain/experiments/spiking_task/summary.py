"""The numbers of a task in spikes."""

from collections.abc import Mapping
from typing import Any

from neurogain.experiments.spiking_report import entry
from neurogain.experiments.spiking_task.config import SpikingTaskConfig


def summarize(config: SpikingTaskConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    return entry(config, config.network(), found["course"])
