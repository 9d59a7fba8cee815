"""Four neuromodulators: release, clearance, receptors, effects on cells, and their interactions."""

from neurogain.neuromod import cell_types as cell_types
from neurogain.neuromod import effects as effects
from neurogain.neuromod import kinetics as kinetics
from neurogain.neuromod import locus_coeruleus as locus_coeruleus
from neurogain.neuromod import receptors as receptors
from neurogain.neuromod import released as released
from neurogain.neuromod import systems as systems
from neurogain.neuromod import tables as tables
from neurogain.neuromod.effects import Effect as Effect
from neurogain.neuromod.kinetics import KineticsParams as KineticsParams
from neurogain.neuromod.kinetics import Release as Release
from neurogain.neuromod.locus_coeruleus import LocusParams as LocusParams
from neurogain.neuromod.modulated import Modulated as Modulated
from neurogain.neuromod.modulated import ModulatedInfo as ModulatedInfo
from neurogain.neuromod.modulated import ModulatedParams as ModulatedParams
from neurogain.neuromod.modulated import ModulatedState as ModulatedState
from neurogain.neuromod.network_targets import TARGETS as TARGETS
from neurogain.neuromod.network_targets import targets as targets
from neurogain.neuromod.receptors import ReceptorParams as ReceptorParams
from neurogain.neuromod.systems import Drives as Drives
from neurogain.neuromod.systems import Interactions as Interactions
from neurogain.neuromod.systems import NeuromodParams as NeuromodParams
from neurogain.neuromod.systems import NeuromodState as NeuromodState
from neurogain.neuromod.target import Changed as Changed
from neurogain.neuromod.target import Owner as Owner
from neurogain.neuromod.target import Target as Target
