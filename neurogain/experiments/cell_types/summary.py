"""The numbers of networks with types of cells."""

from collections.abc import Mapping
from typing import Any

from neurogain.experiments.cell_types.config import CellTypesConfig
from neurogain.experiments.cell_types.run import label
from neurogain.experiments.spiking_report import difference, entry


def summarize(config: CellTypesConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    networks = {
        label(config, n): entry(config, config.network(n), found[label(config, n)])
        for n in config.numbers_of_types
    }
    first = label(config, 1 if 1 in config.numbers_of_types else config.numbers_of_types[0])
    return {
        "networks": networks,
        "first": first,
        "difference_to_first": difference(networks, first),
    }
