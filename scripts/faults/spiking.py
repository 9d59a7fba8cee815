"""Faults in engine, recorders, cells, networks and plasticity."""

FAULTS = (
    # engine and recorders
    (
        "drives are given the model's keys",
        "return per_step(0), per_step(1) if program.drawn else None",
        "return per_step(0), per_step(0) if program.drawn else None",
        "test_drive_noise.py",
    ),
    (
        "samples are a period early",
        "x[skip - 1 :: skip]",
        "x[::skip]",
        "test_recorders_strides.py",
    ),
    (
        "spikes are a step early",
        "time_ms=(emitted[:, 0] + 1) * dt",
        "time_ms=emitted[:, 0] * dt",
        "test_recorders.py",
    ),
    (
        "traces are a sample early",
        "first_step + self.every * (1 + np.arange(samples))",
        "first_step + self.every * np.arange(samples)",
        "test_recorders.py",
    ),
    (
        "the mean interval counts one too many",
        "mean + deviation / number,",
        "mean + deviation / (number + 1),",
        "test_recorders.py",
    ),
    (
        "the burst window leaves its end out",
        "(steps <= math.floor(self.burst_window / dt + 1e-6))",
        "(steps < math.floor(self.burst_window / dt + 1e-6))",
        "test_recorders.py",
    ),
    (
        "a pulse is a step too long",
        "(step >= first) & (step < after), height",
        "(step >= first) & (step <= after), height",
        "test_drive.py",
    ),
    # cells
    (
        "the recovery current excites",
        "(p.k * (v - p.v_r) * (v - p.v_t) - u + inflow)\n    v_new",
        "(p.k * (v - p.v_r) * (v - p.v_t) + u + inflow)\n    v_new",
        "test_izhikevich.py",
    ),
    (
        "the reset lowers the recovery current",
        "return jnp.where(fired, p.c, v), jnp.where(fired, u + p.d, u)",
        "return jnp.where(fired, p.c, v), jnp.where(fired, u - p.d, u)",
        "test_izhikevich.py",
    ),
    (
        "the gradient through the reset has a wrong sign",
        "dp.c + v_after * earlier",
        "dp.c - v_after * earlier",
        "test_izhikevich_gradient.py",
    ),
    (
        "the dendrite's slow current is inward",
        "(calcium - p.g_leak * (v - p.E_leak) + w + inflow)",
        "(calcium - p.g_leak * (v - p.E_leak) - w + inflow)",
        "test_dendrite.py",
    ),
    (
        "back-propagation starts a step late",
        "(age >= first) & (age <= last)",
        "(age > first) & (age <= last)",
        "test_pyramidal.py",
    ),
    (
        "a spike is a step younger",
        "age = jnp.where(info.spike > 0, 0, jnp.minimum(age, _LONG_AGO)) + 1",
        "age = jnp.where(info.spike > 0, 0, jnp.minimum(age, _LONG_AGO) + 1)",
        "test_pyramidal.py",
    ),
    (
        "both gates are one",
        "bits >> np.uint32(16))",
        "bits & np.uint32(_LEVELS - 1))",
        "test_pyramidal_gates.py",
    ),
    (
        "a burst resets to the other side",
        "c=p.soma.c + reset_as_burst * (p.c_burst - p.soma.c)",
        "c=p.soma.c + reset_as_burst * (p.soma.c - p.c_burst)",
        "test_pyramidal.py",
    ),
    (
        "adaptation excites",
        "(p.g_leak * (p.E_leak - v) - mean + inflow)",
        "(p.g_leak * (p.E_leak - v) + mean + inflow)",
        "test_lif.py",
    ),
    (
        "magnesium blocks at depolarised potentials",
        "return m / (1 + m)",
        "return 1 / (1 + m)",
        "test_synapses.py",
    ),
    (
        "synapses push away from their reversal",
        "pull = g * p[name].E",
        "pull = -g * p[name].E",
        "test_synapses.py",
    ),
    (
        "the NMDA ceiling is a floor",
        "jnp.minimum(g, self.ceiling)",
        "jnp.maximum(g, self.ceiling)",
        "test_synapses.py",
    ),
    (
        "sources spike at another rate",
        "-jnp.expm1(-jnp.asarray(drive, dtype) * (dt / 1000))",
        "-jnp.expm1(-jnp.asarray(drive, dtype) * (dt / 900))",
        "test_sources.py",
    ),
    # networks and plasticity
    (
        "spikes arrive a step early",
        "row = inputs.step % structure.ring",
        "row = (inputs.step + 1) % structure.ring",
        "test_events.py test_network_paths.py",
    ),
    (
        "spikes over kept delays arrive a step early",
        "past[(step - delay) % layout.past]",
        "past[(step + 1 - delay) % layout.past]",
        "test_plasticity_reference.py test_synapse_access_delays.py",
    ),
    (
        "spikes of one moment meet",
        "return Traced(pre, post), after",
        "return Traced(after.pre, after.post), after",
        "test_plasticity_pairs.py test_plasticity_reference.py",
    ),
    (
        "a conductance is held at its value of the step's start",
        "state * (tau / dt * -jnp.expm1(-dt / tau))",
        "state * (tau / tau)",
        "test_synapses.py",
    ),
    (
        "presynaptic spikes potentiate",
        "rule_state.add(table.rule, before, signal, -fall)",
        "rule_state.add(table.rule, before, signal, fall)",
        "test_plasticity_pairs.py test_plasticity_reference.py",
    ),
    (
        "the weight before depression is transmitted",
        "weight = rule_state.read(table.rule, written, signal)",
        "weight = rule_state.read(table.rule, before, signal)",
        "test_plasticity_reference.py test_network_paths.py",
    ),
    (
        "the soft bound is at the wrong end",
        "_power(1 - weight / self.Wmax, self.mu_plus)",
        "_power(weight / self.Wmax, self.mu_plus)",
        "test_plasticity_pairs.py test_plasticity_reference.py",
    ),
    (
        "triplets see the fast trace",
        "self.Aplus_triplet * post[1]",
        "self.Aplus_triplet * post[0]",
        "test_plasticity_pairs.py test_plasticity_reference.py",
    ),
    (
        "weights have no bounds",
        "jnp.clip(state.weight + change, 0, bound)",
        "(state.weight + change)",
        "test_plasticity_pairs.py test_plasticity_reference.py",
    ),
    (
        "the modulator acts on a trace that has not decayed",
        "jnp.asarray(modulator, decay.dtype) * dt * decay",
        "jnp.asarray(modulator, decay.dtype) * dt",
        "test_plasticity_pairs.py test_plasticity_reference.py",
    ),
)
