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
        "taken[link.onto] = taken[link.onto] + part",
        "taken[link.acting] = taken[link.acting] + part",
        "test_systems.py",
    ),
    (
        "a graded surprise is a share for each step",
        "jnp.where(some, -jnp.expm1(dt * left), 1)",
        "jnp.where(some, -jnp.expm1(left), 1)",
        "test_systems.py",
    ),
    (
        "a long step is not divided",
        "count = math.ceil(dt / longest)",
        "count = 1",
        "test_systems.py",
    ),
    (
        "spikes release twice their part",
        "release = Release(-1.0, (1 + active[name]) * one.tonic * share)",
        "release = Release(0.0, (1 + active[name]) * one.tonic * share)",
        "test_spike_release.py",
    ),
    (
        "a population gets the wires of the first",
        "values[sum(sizes[:place]) : sum(sizes[: place + 1])]",
        "values[: sizes[place]]",
        "test_spike_release.py",
    ),
    (
        "what is expected counts as unexpected",
        "share = jnp.clip((u - mean.of(u)) / full, 0, 1)",
        "share = jnp.clip(u / full, 0, 1)",
        "test_amounts.py",
    ),
    (
        "the mean of rewards has the reward in it",
        "Drives(prediction_error=reward - mean.of(reward))",
        "Drives(prediction_error=reward - mean.behind(reward, average).of(reward))",
        "test_amounts.py",
    ),
    (
        "a signed amount is a factor's logarithm",
        "factor = amount if signed else jnp.exp(amount)",
        "factor = jnp.exp(amount)",
        "test_scale_and_trace.py",
    ),
    (
        "a higher amount shortens the trace",
        "kept = effects.odds(decay, amount)",
        "kept = effects.odds(decay, -amount)",
        "test_scale_and_trace.py",
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
