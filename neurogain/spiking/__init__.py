"""Spiking cells: kernels (`init`, `step`), parameter sets, simulation and measures."""

from neurogain.spiking import cells as cells
from neurogain.spiking import measures as measures
from neurogain.spiking import recorders as recorders
from neurogain.spiking import surrogate as surrogate
from neurogain.spiking import synapses as synapses
from neurogain.spiking.dendrite import DendriteParams as DendriteParams
from neurogain.spiking.dendrite import DendriteState as DendriteState
from neurogain.spiking.drive import Drive as Drive
from neurogain.spiking.drive import PyramidalDrive as PyramidalDrive
from neurogain.spiking.drive import TimeSeries as TimeSeries
from neurogain.spiking.drive import combine as combine
from neurogain.spiking.drive import synapse as synapse
from neurogain.spiking.izhikevich import IzhikevichCell as IzhikevichCell
from neurogain.spiking.izhikevich import IzhikevichInfo as IzhikevichInfo
from neurogain.spiking.izhikevich import IzhikevichParams as IzhikevichParams
from neurogain.spiking.izhikevich import IzhikevichState as IzhikevichState
from neurogain.spiking.pyramidal import PyramidalCell as PyramidalCell
from neurogain.spiking.pyramidal import PyramidalInfo as PyramidalInfo
from neurogain.spiking.pyramidal import PyramidalParams as PyramidalParams
from neurogain.spiking.pyramidal import PyramidalState as PyramidalState
from neurogain.spiking.pyramidal import recruit_coupling as recruit_coupling
from neurogain.spiking.simulation import Model as Model
from neurogain.spiking.simulation import NonFiniteError as NonFiniteError
from neurogain.spiking.simulation import Result as Result
from neurogain.spiking.simulation import rollout as rollout
from neurogain.spiking.simulation import simulate as simulate
