"""Spiking cells and networks: kernels (`init`, `step`), parameter sets, simulation, measures.

Cells:       PyramidalCell, IzhikevichCell, LIFCell, PoissonSource, SpikeListSource; `cells`
Drives:      Drive, PyramidalDrive; TimeSeries, Pulse, Noise, PoissonInput, `synapse`, `combine`
Networks:    Population, Projection, build; `connectivity`, `plasticity`, `synapses`
Learning:    `heterogeneity`, `layers`, `readouts`, `eprop`
Simulation:  simulate, rollout, compilations; `recorders`, `network.recorders`, `measures`,
             `surrogate`
"""

from neurogain.spiking import cell as cell
from neurogain.spiking import cells as cells
from neurogain.spiking import connectivity as connectivity
from neurogain.spiking import eprop as eprop
from neurogain.spiking import heterogeneity as heterogeneity
from neurogain.spiking import layers as layers
from neurogain.spiking import measures as measures
from neurogain.spiking import plasticity as plasticity
from neurogain.spiking import readouts as readouts
from neurogain.spiking import recorders as recorders
from neurogain.spiking import surrogate as surrogate
from neurogain.spiking import synapses as synapses
from neurogain.spiking.cell import Cell as Cell
from neurogain.spiking.engine.checks import Model as Model
from neurogain.spiking.engine.checks import check as check
from neurogain.spiking.engine.compilations import compilations as compilations
from neurogain.spiking.engine.drives import Drive as Drive
from neurogain.spiking.engine.drives import Noise as Noise
from neurogain.spiking.engine.drives import PoissonInput as PoissonInput
from neurogain.spiking.engine.drives import Pulse as Pulse
from neurogain.spiking.engine.drives import Rule as Rule
from neurogain.spiking.engine.drives import TimeSeries as TimeSeries
from neurogain.spiking.engine.drives import combine as combine
from neurogain.spiking.engine.drives import synapse as synapse
from neurogain.spiking.engine.simulate import Interrupted as Interrupted
from neurogain.spiking.engine.simulate import NonFiniteError as NonFiniteError
from neurogain.spiking.engine.simulate import Result as Result
from neurogain.spiking.engine.simulate import rollout as rollout
from neurogain.spiking.engine.simulate import simulate as simulate
from neurogain.spiking.models import sources as sources
from neurogain.spiking.models.dendrite import DendriteParams as DendriteParams
from neurogain.spiking.models.dendrite import DendriteState as DendriteState
from neurogain.spiking.models.izhikevich import IzhikevichCell as IzhikevichCell
from neurogain.spiking.models.izhikevich import IzhikevichInfo as IzhikevichInfo
from neurogain.spiking.models.izhikevich import IzhikevichParams as IzhikevichParams
from neurogain.spiking.models.izhikevich import IzhikevichState as IzhikevichState
from neurogain.spiking.models.lif import LIFCell as LIFCell
from neurogain.spiking.models.lif import LIFInfo as LIFInfo
from neurogain.spiking.models.lif import LIFParams as LIFParams
from neurogain.spiking.models.lif import LIFState as LIFState
from neurogain.spiking.models.pyramidal import Coupling as Coupling
from neurogain.spiking.models.pyramidal import PyramidalCell as PyramidalCell
from neurogain.spiking.models.pyramidal import PyramidalDrive as PyramidalDrive
from neurogain.spiking.models.pyramidal import PyramidalInfo as PyramidalInfo
from neurogain.spiking.models.pyramidal import PyramidalParams as PyramidalParams
from neurogain.spiking.models.pyramidal import PyramidalState as PyramidalState
from neurogain.spiking.models.pyramidal import recruit_coupling as recruit_coupling
from neurogain.spiking.models.sources import PoissonSource as PoissonSource
from neurogain.spiking.models.sources import SpikeList as SpikeList
from neurogain.spiking.models.sources import SpikeListSource as SpikeListSource
from neurogain.spiking.models.sources import spike_list as spike_list
from neurogain.spiking.network import Network as Network
from neurogain.spiking.network import Population as Population
from neurogain.spiking.network import Projection as Projection
from neurogain.spiking.network import build as build
