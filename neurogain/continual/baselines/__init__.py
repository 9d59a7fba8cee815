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
from neurogain.continual.baselines.der import der_loss, der_plus_plus_loss
from neurogain.continual.baselines.er_ace import er_ace_loss, mark_seen
from neurogain.continual.baselines.ewc import (
    EWC,
    EWCState,
    ewc,
    ewc_penalty,
    fisher_diagonal,
    online_ewc,
)
from neurogain.continual.baselines.lwf import lwf_loss

__all__ = [
    "EWC",
    "Buffer",
    "BufferState",
    "EWCState",
    "Slots",
    "agem",
    "class_balanced",
    "der_loss",
    "der_plus_plus_loss",
    "er_ace_loss",
    "ewc",
    "ewc_penalty",
    "fisher_diagonal",
    "lwf_loss",
    "mark_seen",
    "online_ewc",
    "project_gradients",
    "reservoir",
    "sample",
]
