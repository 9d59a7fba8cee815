"""Spike-timing dependent plasticity: what a pair of spikes does to a weight.

Traces x (of a presynaptic cell) and y (of a postsynaptic one) jump by 1 at a spike and decay, so
all pairs count. Delays are axonal: a presynaptic spike meets the synapse when it arrives, a
postsynaptic spike at its own time; `network.delivery` has the order. Two spikes that meet there at
the same time are no pair. A presynaptic spike depresses first and is transmitted with the depressed
weight. Brian2's own example of STDP (`examples/synapses/STDP.py`) does both otherwise: it transmits
the weight before it depresses it, and two spikes that meet at the same time potentiate, since
`on_pre` raises its trace before `on_post` reads it.

Names of parameters are those of NEST (stdp_synapse, stdp_triplet_synapse, stdp_dopamine_synapse),
whose delays are dendritic where these are axonal.

Rules: PairSTDP, TripletSTDP, and `ThreeFactor` around either. A rule of your own is a value of the
protocol `PairRule`: a pytree, for instance a NamedTuple, with its members; nothing else in the
package has a list of rules.
"""

from neurogain.spiking.plasticity.pair import PairSTDP as PairSTDP
from neurogain.spiking.plasticity.rule import PairRule as PairRule
from neurogain.spiking.plasticity.rule import check_constants as check_constants
from neurogain.spiking.plasticity.rule_state import EligibilityState as EligibilityState
from neurogain.spiking.plasticity.rule_state import Plasticity as Plasticity
from neurogain.spiking.plasticity.rule_state import Signal as Signal
from neurogain.spiking.plasticity.rule_state import WeightState as WeightState
from neurogain.spiking.plasticity.rule_state import check as check
from neurogain.spiking.plasticity.rule_state import is_modulated as is_modulated
from neurogain.spiking.plasticity.rule_state import scaled as scaled
from neurogain.spiking.plasticity.three_factor import ThreeFactor as ThreeFactor
from neurogain.spiking.plasticity.traces import Traces as Traces
from neurogain.spiking.plasticity.traces import decay as decay
from neurogain.spiking.plasticity.triplet import TripletSTDP as TripletSTDP
