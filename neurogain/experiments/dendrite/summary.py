"""The numbers of networks with and without dendrites."""

from collections.abc import Mapping
from typing import Any

from neurogain.experiments.dendrite.config import DendriteConfig
from neurogain.experiments.dendrite.run import label
from neurogain.experiments.spiking_report import difference, entry


def summarize(config: DendriteConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    delays = []
    for delay in config.delays:
        networks = {
            name: entry(config, config.network(name, delay), found[label(name, delay)])
            for name in config.networks
        }
        against = "soma" if "soma" in networks else config.networks[0]
        delays.append({
            "delay_ms": delay, "networks": networks, "first": against,
            "difference_to_first": difference(networks, against),
        })  # fmt: skip
    return {"cells": {name: config.cells(name) for name in config.networks}, "delays": delays}
