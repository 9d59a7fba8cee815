"""Networks: populations and projections, built into one model with `init` and `step`.

`build(populations, projections, dt=..., key=...)` returns a `Network` and its `NetworkParams`, for
`simulate` and `rollout`; `recorders` has those of weights.
"""

from neurogain.spiking.network import recorders as recorders
from neurogain.spiking.network.arrays import NetworkInfo as NetworkInfo
from neurogain.spiking.network.arrays import NetworkParams as NetworkParams
from neurogain.spiking.network.arrays import NetworkState as NetworkState
from neurogain.spiking.network.build import Built as Built
from neurogain.spiking.network.build import build as build
from neurogain.spiking.network.model import Network as Network
from neurogain.spiking.network.spec import Population as Population
from neurogain.spiking.network.spec import Projection as Projection
from neurogain.spiking.network.synapse_access import Synapses as Synapses
