"""Faults in networks and plasticity."""

FAULTS = (
    (
        "auto takes matrices for plastic multapses",
        "(rule is None or not has_multapses(drawn.pairs))",
        "True",
        "test_network_choice.py",
    ),
    (
        "weights are single in double runs",
        "np.dtype(jax.dtypes.canonicalize_dtype(np.float64))",
        "np.dtype(np.float32)",
        "test_network_double.py",
    ),
    (
        "the last of several weights of a pair replaces the others",
        "whole.at[where].set(0).at[where].add(values)",
        "whole.at[where].set(values)",
        "test_synapse_access_multapses.py",
    ),
    (
        "synapses of a pair are read with their sum",
        "    if table.parts is None:\n        return weight",
        "    if True:\n        return weight",
        "test_synapse_access_multapses.py",
    ),
    (
        "spikes arrive a step early",
        "now, last = (inputs.step % structure.ring, (inputs.step - 1) % structure.ring)",
        "now, last = ((inputs.step + 1) % structure.ring, inputs.step % structure.ring)",
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
