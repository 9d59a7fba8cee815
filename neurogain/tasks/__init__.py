"""Tasks: environments with the agents that meet them, and examples in spikes, as pure functions."""
