"""A gain measured in spikes drives an optimizer: does a cortical pulse of gain help?"""

from neurogain.experiments.bridge.config import BridgeConfig
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "BridgeConfig", "run"]

EXPERIMENT = Experiment.of_package(__name__, BridgeConfig, grows=("sources",))
run = EXPERIMENT.run
