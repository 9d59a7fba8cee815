"""Faults in layers of spiking cells that learn, their tasks, and what modulates them."""

FAULTS = (
    # layers and read-outs
    (
        "a jump of the current delivers no exact charge",
        "mean, left = of.expm1(decay), of.exp(decay)",
        "mean, left = decay, of.exp(decay)",
        "test_layers.py",
    ),
    (
        "the layer's own spikes arrive in the wrong order",
        "jnp.concatenate([under_way[1:], spike[None]])",
        "jnp.concatenate([spike[None], under_way[1:]])",
        "test_layers.py",
    ),
    (
        "spikes of the last sub-step alone count",
        "spike = each.sum(0)",
        "spike = each[-1]",
        "test_layers.py",
    ),
    (
        "gradients pass where they are to be truncated",
        "state = jax.lax.stop_gradient(state)",
        "state = jax.tree.map(jnp.copy, state)",
        "test_layers.py",
    ),
    (
        "a read-out does not decay",
        "v = self._decay * v + jump",
        "v = v + jump",
        "test_layers.py",
    ),
    (
        "rates above the band cost nothing",
        "jnp.maximum(low_hz - rate, rate - high_hz)",
        "jnp.maximum(low_hz - rate, low_hz - rate)",
        "test_layers.py",
    ),
    (
        "parameters of another layer are taken",
        "if {*params} != {*shapes}:",
        "if not {*params}:",
        "test_refused_layers.py",
    ),
    # e-prop
    (
        "traces of synapses do not decay between sub-steps",
        "came[name] = came[name] * left",
        "came[name] = came[name] * 1",
        "test_eprop.py",
    ),
    (
        "the layer's own synapses have no gradient of their own",
        '"recurrent": state.spikes[0]} if layer.recurrent',
        '"recurrent": 0 * state.spikes[0]} if layer.recurrent',
        "test_eprop.py",
    ),
    # constants that differ
    (
        "all constants are drawn with one key",
        "jax.random.uniform(jax.random.fold_in(key, number), (n,))",
        "jax.random.uniform(key, (n,))",
        "test_heterogeneity.py",
    ),
    (
        "a learned constant leaves its bounds",
        "rise = jnp.expm1(s)",
        "rise = s",
        "test_heterogeneity.py",
    ),
    (
        "a draw is cut as if its density were flat",
        "slope = np.diff(self.logs)[cell]",
        "slope = 0 * np.diff(self.logs)[cell]",
        "test_heterogeneity.py",
    ),
    (
        "the mean of a cut distribution is taken at the begins of cells",
        "self.steps[:-1] + width * _centre(slope)",
        "self.steps[:-1]",
        "test_heterogeneity.py",
    ),
    # modulators
    (
        "effects carry constants out of what a cell allows",
        "return paths.replace(constants, name, inside), drive",
        "return paths.replace(constants, name, new), drive",
        "test_cell_types.py",
    ),
    (
        "all cells are of the first type",
        "amount = (strength @ activation)[index]",
        "amount = (strength @ activation)[0 * index]",
        "test_cell_types.py",
    ),
    (
        "a network is rewarded where nothing is told",
        "jnp.where(given >= 0, error, 0)",
        "error",
        "test_released.py",
    ),
    (
        "a reward is expected from all classes alike",
        "expected = jax.nn.softmax(logits)[decision]",
        "expected = 1 / len(logits)",
        "test_released.py",
    ),
    (
        "what is released is lost",
        "return ReleasedState(layer, v, released), ReleasedCourse(spikes, logits, level)",
        "return ReleasedState(layer, v, state.systems), ReleasedCourse(spikes, logits, level)",
        "test_released.py",
    ),
    # tasks in spikes
    (
        "the target of delayed XOR is whether the cues agree",
        "target = (bits[:, 0] != bits[:, 1])",
        "target = (bits[:, 0] == bits[:, 1])",
        "test_generators.py",
    ),
    (
        "gaps between cues count",
        "later = (at >= cue) & (within >= gap)",
        "later = at >= cue",
        "test_generators.py",
    ),
    (
        "a latency is longer for a larger value",
        "step = jnp.minimum(jnp.floor((1 - values) * span), span - 1)",
        "step = jnp.minimum(jnp.floor(values * span), span - 1)",
        "test_coding.py",
    ),
    (
        "spike times on manifolds are not scaled",
        "return (y - y.min(0)) / (span + jnp.minimum(1e-6, 1e-4 * span)), span.min()",
        "return y - y.min(0), span.min()",
        "test_generators.py",
    ),
    (
        "the dots of Yin-Yang are of another class",
        "jnp.where(dot, 2, other.astype(jnp.int32))",
        "jnp.where(dot, 1, other.astype(jnp.int32))",
        "test_generators.py",
    ),
)
