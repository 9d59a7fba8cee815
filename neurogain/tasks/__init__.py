"""Tasks: environments as pure functions, and the agents that meet them."""
