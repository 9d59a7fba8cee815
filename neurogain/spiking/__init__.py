"""Spiking cells and networks: kernels (`init`, `step`), parameter sets, simulation, measures.

Cells:       PyramidalCell, IzhikevichCell, LIFCell, PoissonSource, SpikeListSource; `cells`
Drives:      Drive, PyramidalDrive; TimeSeries, Pulse, Noise, PoissonInput, `synapse`, `combine`
Networks:    Population, Projection, build; `connectivity`, `plasticity`, `synapses`
Simulation:  simulate, rollout; `recorders`, `network.recorders`, `measures`, `surrogate`
"""

from neurogain.spiking import cells as cells
from neurogain.spiking import connectivity as connectivity
from neurogain.spiking import measures as measures
from neurogain.spiking import plasticity as plasticity
from neurogain.spiking import recorders as recorders
from neurogain.spiking import surrogate as surrogate
from neurogain.spiking import synapses as synapses
from neurogain.spiking._model import Model as Model
from neurogain.spiking._model import check as check
from neurogain.spiking.dendrite import DendriteParams as DendriteParams
from neurogain.spiking.dendrite import DendriteState as DendriteState
from neurogain.spiking.drive import Drive as Drive
from neurogain.spiking.drive import Noise as Noise
from neurogain.spiking.drive import PoissonInput as PoissonInput
from neurogain.spiking.drive import Pulse as Pulse
from neurogain.spiking.drive import PyramidalDrive as PyramidalDrive
from neurogain.spiking.drive import TimeSeries as TimeSeries
from neurogain.spiking.drive import combine as combine
from neurogain.spiking.drive import synapse as synapse
from neurogain.spiking.izhikevich import IzhikevichCell as IzhikevichCell
from neurogain.spiking.izhikevich import IzhikevichInfo as IzhikevichInfo
from neurogain.spiking.izhikevich import IzhikevichParams as IzhikevichParams
from neurogain.spiking.izhikevich import IzhikevichState as IzhikevichState
from neurogain.spiking.lif import LIFCell as LIFCell
from neurogain.spiking.lif import LIFInfo as LIFInfo
from neurogain.spiking.lif import LIFParams as LIFParams
from neurogain.spiking.lif import LIFState as LIFState
from neurogain.spiking.network import Network as Network
from neurogain.spiking.network import Population as Population
from neurogain.spiking.network import Projection as Projection
from neurogain.spiking.network import build as build
from neurogain.spiking.pyramidal import PyramidalCell as PyramidalCell
from neurogain.spiking.pyramidal import PyramidalInfo as PyramidalInfo
from neurogain.spiking.pyramidal import PyramidalParams as PyramidalParams
from neurogain.spiking.pyramidal import PyramidalState as PyramidalState
from neurogain.spiking.pyramidal import recruit_coupling as recruit_coupling
from neurogain.spiking.simulation import NonFiniteError as NonFiniteError
from neurogain.spiking.simulation import Result as Result
from neurogain.spiking.simulation import rollout as rollout
from neurogain.spiking.simulation import simulate as simulate
from neurogain.spiking.sources import PoissonSource as PoissonSource
from neurogain.spiking.sources import SpikeListSource as SpikeListSource
from neurogain.spiking.sources import spike_list as spike_list
