"""Faults in neuromodulators and in the agent that they act on."""

FAULTS = (
    # neuromodulators
    (
        "receptors are bound where nothing is there",
        "share = jax.nn.sigmoid(n * jnp.log(ratio))",
        "share = jax.nn.sigmoid(-n * jnp.log(ratio))",
        "test_kinetics.py",
    ),
    (
        "neurons can't fire less than at rest",
        "activity = jnp.maximum(activity, -1)",
        "activity = jnp.maximum(activity, 0)",
        "test_kinetics.py",
    ),
    (
        "a system opposes the one that opposes it",
        "taken = taken + opponent[to, by] * alone[other]",
        "taken = taken + opponent[by, to] * alone[other]",
        "test_systems.py",
    ),
    (
        "odds rise where they fall",
        "jnp.where(falls, change, -change)",
        "jnp.where(falls, -change, change)",
        "test_effects.py",
    ),
    (
        "beta receptors raise adaptation",
        'Effect("beta", "adaptation", -4.0',
        'Effect("beta", "adaptation", 4.0',
        "test_tables.py",
    ),
    (
        "noradrenaline uncouples the dendrite",
        'Effect("alpha1", "coupling", 4.0',
        'Effect("alpha1", "coupling", -4.0',
        "test_tables.py",
    ),
    (
        "5-HT1A excites",
        'Effect("5ht1a", "soma.current", -100.0',
        'Effect("5ht1a", "soma.current", 100.0',
        "test_tables.py",
    ),
    (
        "acetylcholine silences SOM cells",
        'Effect("nicotinic", "soma.current", 60.0',
        'Effect("nicotinic", "soma.current", -60.0',
        "test_tables.py",
    ),
    (
        "dopamine stops learning",
        'Effect("d1", "modulator", 0.02',
        'Effect("d1", "modulator", -0.02',
        "test_tables.py",
    ),
    # the agent
    (
        "drift adds surprise",
        "found - entropy - p.drift",
        "found - entropy + p.drift",
        "test_go_nogo_prediction.py",
    ),
    (
        "a burst is called for before it has settled",
        "trigger = (called & (number >= p.settled))",
        "trigger = called",
        "test_go_nogo_prediction.py",
    ),
    (
        "predictions become certain",
        "jnp.clip(q + p.rate * ((reward > 0) - q), p.floor, 1 - p.floor)",
        "(q + p.rate * ((reward > 0) - q))",
        "test_go_nogo_prediction.py",
    ),
    (
        "feedback is valid where it is not",
        "jnp.where(trial.luck < validity, right, -right)",
        "jnp.where(trial.luck > validity, right, -right)",
        "test_go_nogo_environment.py",
    ),
    (
        "depression strengthens",
        "return potentiated - depression * depressed",
        "return potentiated + depression * depressed",
        "test_go_nogo_agent.py",
    ),
    (
        "an input's current is held at its start",
        "kind.scale * (mean * synaptic + product(common, onto))",
        "kind.scale * (synaptic + product(common, onto))",
        "test_go_nogo_inputs.py",
    ),
    (
        "an input acts in its own millisecond",
        "kind.scale * (mean * synaptic +",
        "kind.scale * (mean * (synaptic + arriving) +",
        "test_go_nogo_inputs.py",
    ),
)
