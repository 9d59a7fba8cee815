"""The gains in the state of an optimizer, and those that are given to one that has none."""

from collections.abc import Mapping
from typing import Any

import optax

from neurogain.optim._nodes import find_nodes
from neurogain.optim.controls import ScaleByGainState
from neurogain.optim.modulate import ModulateByGainState


def find(opt_state: optax.OptState) -> dict[str, Any]:
    """Return every node with a gain by its path in the state, outer before inner."""
    return find_nodes(opt_state, (ModulateByGainState, ScaleByGainState))


def refuse_lost(owner: str, extra_args: Mapping[str, Any], inner_state: optax.OptState) -> None:
    """Raise a TypeError if an update is given a gain and its optimizer has none."""
    if extra_args.get("gain") is not None and not find(inner_state):
        raise TypeError(
            f"`gain` was given to the update of `{owner}`, whose optimizer has no gain. Wrap that "
            "optimizer in modulate_by_gain(...), or leave `gain` out."
        )
