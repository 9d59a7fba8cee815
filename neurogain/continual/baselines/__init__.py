"""Update rules that others are compared with, as pure functions: rehearsal, projection, penalties.

Each runs under jit, scan and vmap; states are records of arrays, and keys are given.
"""

from neurogain.continual.baselines.agem import agem, project_gradients
from neurogain.continual.baselines.buffers import (
    Buffer,
    BufferState,
    Slots,
    class_balanced,
    reservoir,
    sample,
)
from neurogain.continual.baselines.ewc import (
    EWC,
    EWCState,
    ewc,
    ewc_penalty,
    fisher_diagonal,
    online_ewc,
)

__all__ = [
    "EWC",
    "Buffer",
    "BufferState",
    "EWCState",
    "Slots",
    "agem",
    "class_balanced",
    "ewc",
    "ewc_penalty",
    "fisher_diagonal",
    "online_ewc",
    "project_gradients",
    "reservoir",
    "sample",
]
