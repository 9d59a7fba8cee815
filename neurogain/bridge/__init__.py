"""Gain measured in spikes, for an optimizer: circuits with probes, their gain, sources of it."""

from neurogain.bridge.circuit import Circuit as Circuit
from neurogain.bridge.circuit import Reading as Reading
from neurogain.bridge.circuit import microcircuit as microcircuit
from neurogain.bridge.circuit import pyramidal_cells as pyramidal_cells
from neurogain.bridge.curve import GainCurve as GainCurve
from neurogain.bridge.curve import measure as measure
from neurogain.bridge.sources import OnlineState as OnlineState
from neurogain.bridge.sources import offline as offline
from neurogain.bridge.sources import online as online
from neurogain.bridge.sources import sampling_error as sampling_error
from neurogain.bridge.watch import spikes_of as spikes_of
