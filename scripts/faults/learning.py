"""Faults in gain, drives, optimizers, analysis, statistics and result folders."""

FAULTS = (
    # gain and uncertainty
    (
        "the gain leaves its baseline",
        "return baseline + decay * (gain - baseline) + sensitivity",
        "return baseline + decay * (baseline - gain) + sensitivity",
        "test_gain.py",
    ),
    (
        "the gain forgets its baseline",
        "return baseline + decay * (gain - baseline) + sensitivity",
        "return baseline + decay * gain + sensitivity",
        "test_gain.py",
    ),
    (
        "the drive of a time step decays",
        "sensitivity=-jnp.expm1(rate) * strength",
        "sensitivity=jnp.exp(rate) * strength",
        "test_gain.py",
    ),
    (
        "the fixed point is that of another decay",
        "sensitivity * jnp.asarray(drive) / (1 - jnp.asarray(decay))",
        "sensitivity * jnp.asarray(drive) / jnp.asarray(decay)",
        "test_gain.py",
    ),
    (
        "fast weights are not over the gain",
        "fast = (gain - baseline) / gain * effective",
        "fast = (gain - baseline) * effective",
        "test_gain.py",
    ),
    (
        "entropy is averaged over classes",
        "return jnp.sum(p * -jnp.where(p > 0, log_p, 0), axis=-1)",
        "return jnp.mean(p * -jnp.where(p > 0, log_p, 0), axis=-1)",
        "test_uncertainty.py",
    ),
    (
        "the margin is confidence",
        "1 - (top[..., 0] - top[..., 1])",
        "top[..., 0] - top[..., 1]",
        "test_uncertainty.py",
    ),
    (
        "padding counts in the mean",
        "return jnp.sum(jnp.where(where, uncertainty, 0)) / count",
        "return jnp.sum(jnp.where(where, uncertainty, 0)) / uncertainty.size",
        "test_uncertainty.py",
    ),
    (
        "padding gives NaN",
        "return jnp.where(padded, 0, value)",
        "return value",
        "test_uncertainty_drives.py",
    ),
    (
        "logits of padded tokens reach the gradient",
        "drive = measure(jnp.where(keep[..., None], checked, 0))",
        "drive = measure(checked)",
        "test_uncertainty_drives.py",
    ),
    (
        "members agree about what they disagree about",
        "mean = jnp.mean(p, axis=place)",
        "mean = jnp.max(p, axis=place)",
        "test_uncertainty_drives.py",
    ),
    # optimizers
    (
        "the update has the old gain",
        "gained = lax.mul(_to(g_new, wide), _to(d, wide))",
        "gained = lax.mul(_to(g, wide), _to(d, wide))",
        "test_modulate_literal.py",
    ),
    (
        "weights shrink where the gain rises",
        "ratio = lax.div(g_new, g)",
        "ratio = lax.div(g, g_new)",
        "test_modulate_literal.py",
    ),
    (
        "gradients of the underlying weights lack the gain",
        "return _to(lax.mul(_to(g, wide), _to(d, wide)), d.dtype",
        "return _to(_to(d, wide), d.dtype",
        "test_modulate_literal.py",
    ),
    (
        "held weights move backwards",
        "return w if _absent(w) else lax.add(w, _to(d, w.dtype))",
        "return w if _absent(w) else lax.sub(w, _to(d, w.dtype))",
        "test_low_precision.py",
    ),
    (
        "the weights of the average do not sum to 1",
        "weight = state.weight + share * (1 - state.weight)",
        "weight = state.weight + share",
        "test_consolidate.py",
    ),
    (
        "slow weights follow the weights before the update",
        "new = _moved(param, update)",
        "new = param",
        "test_consolidate.py",
    ),
    (
        "a high gain consolidates faster",
        "share = jnp.minimum(share * tonic / level, 1)",
        "share = jnp.minimum(share * level / tonic, 1)",
        "test_consolidate.py",
    ),
    (
        "the rate has the new gain twice",
        "return _scale(updates, state.gain * new)",
        "return _scale(updates, new * new)",
        "test_controls.py",
    ),
    (
        "the reset comes after the update",
        "inner_state = jax.lax.cond(task_switch, fresh, lambda: state.inner_state)\n"
        "            updates, inner_state = update_with("
        "inner, updates, inner_state, params, extra_args)",
        "updates, moved = update_with("
        "inner, updates, state.inner_state, params, extra_args)\n"
        "            inner_state = jax.lax.cond(task_switch, fresh, lambda: moved)",
        "test_controls.py",
    ),
    (
        "a drive that an optimizer takes is dropped",
        "            del known[refused]",
        "            known = {}",
        "test_keywords.py",
    ),
    (
        "a schedule out of range passes",
        "return jnp.where(holds(value), value, jnp.nan)",
        "return value",
        "test_hyperparameters.py",
    ),
    (
        "slow weights hide a rate that is none",
        "jnp.where(weight == 0, 1, share / jnp.where(weight == 0, 1, weight))",
        "jnp.where(weight > 0, share / jnp.where(weight > 0, weight, 1), 1)",
        "test_hyperparameters.py",
    ),
    (
        "one update alone tells what is frozen",
        "MORE = 8  #",
        "MORE = 1  #",
        "test_effect.py",
    ),
    (
        "micro-batches count too little",
        "lambda x: jnp.where(before == 0, 0, x), sofar)",
        "lambda x: jnp.where(before == 0, 1, x), sofar)",
        "test_accumulate.py",
    ),
    (
        "a micro-batch with a gain has a share in the drive",
        "            given += own\n            mean = _running_mean(",
        "            given = total\n            mean = _running_mean(",
        "test_accumulate.py",
    ),
    (
        "each device has a drive of its own",
        "drive = jnp.mean(checked(uncertainty, dtype))\n"
        "    return drive if axis_name is None else jax.lax.pmean(drive, axis_name)",
        "return jnp.mean(checked(uncertainty, dtype))",
        "test_devices.py",
    ),
    (
        "a bad drive is clipped in silence",
        "return jnp.where((value >= 0) & (value < jnp.inf), value, jnp.nan)",
        "return jnp.maximum(value, 0)",
        "test_bad_input.py test_poison.py",
    ),
    (
        "gradients of shards that are summed already are averaged",
        "return mean(loss), rest",
        "return loss, rest",
        "test_loop.py",
    ),
    (
        "gradients pass the drive",
        "drive = jax.lax.stop_gradient(_drive_of(uncertainty, logits))",
        "drive = _drive_of(uncertainty, logits)",
        "test_loop.py",
    ),
    # analysis
    (
        "the smallest eigenvalues",
        "values, mixing = values[::-1][:k], mixing[:, ::-1][:, :k]",
        "values, mixing = values[:k], mixing[:, :k]",
        "tests/analysis/test_curvature.py",
    ),
    (
        "the error of the first vector",
        "jnp.abs(beta[-1] * mixing[-1])",
        "jnp.abs(beta[-1] * mixing[0])",
        "tests/analysis/test_curvature.py",
    ),
    (
        "the explicit gain decays to another baseline",
        "new_gain = decay * gain + (1 - decay) * baseline + sensitivity * drive",
        "new_gain = decay * gain + decay * baseline + sensitivity * drive",
        "test_fast_slow.py",
    ),
    # statistics and measures
    (
        "the deviation is that of a population",
        "values.std(axis=axis, ddof=1)",
        "values.std(axis=axis, ddof=0)",
        "test_stats.py",
    ),
    (
        "the interval is one-sided",
        "stats.t.ppf((1 + level) / 2, n - 1)",
        "stats.t.ppf(level, n - 1)",
        "test_stats.py",
    ),
    (
        "rates are per ms",
        '_floats("spikes", spikes) * (1000 / duration)',
        "np.asarray(spikes, float) / duration",
        "test_measures.py",
    ),
    (
        "the interval's deviation is that of a population",
        "np.divide(np.asarray(record.squares_ms2, float), count - 1, out",
        "np.divide(np.asarray(record.squares_ms2, float), count, out",
        "test_measures.py",
    ),
    (
        "synchrony mixes variance and deviation",
        "x.mean(axis=0).var() / own",
        "x.mean(axis=0).std() / own",
        "test_measures.py",
    ),
    (
        "a cell correlates with itself",
        "(z.sum(axis=0).var() - n) / (n * (n - 1))",
        "z.sum(axis=0).var() / (n * (n - 1))",
        "test_measures.py",
    ),
    # result folders
    (
        "content is not on the disk before the rename",
        "os.fsync(file.fileno())",
        "pass",
        "test_results.py",
    ),
    (
        "two runs share a folder",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        "test_results.py",
    ),
    (
        "parts of other settings are taken",
        'str(found.pop(_DIGEST, "none")) != digest',
        'str(found.pop(_DIGEST, "none")) == ""',
        "test_results.py",
    ),
    (
        "learned time constants of synapses are left out",
        "tau, dtype = self.synapses(params).tau",
        "tau, dtype = SynapseParams(self.tau).tau",
        "test_layers.py",
    ),
    (
        "labels are the same in all contexts",
        "(order[examples.labels] + context) % classes",
        "(order[examples.labels] + 0 * context) % classes",
        "test_spiking_comparisons.py",
    ),
    (
        "spikes that meet are lost",
        ".at[example, at, channel].add(wide)",
        ".at[example, at, channel].set(wide)",
        "test_noise.py",
    ),
    (
        "a cue is decided with the steps of all cues",
        "(number[:, None] == jnp.arange(cues)[:, None])",
        "(number[:, None] >= 0 * jnp.arange(cues)[:, None])",
        "test_spiking_comparisons.py",
    ),
    # the bridge
    (
        "effects that were taken out stay",
        "dataclasses.replace(one, strength=0.0)",
        "dataclasses.replace(one, strength=one.strength)",
        "test_circuit_gain.py",
    ),
    (
        "spikes are shown of the update before",
        "scan(skip, state, before)",
        "scan(skip, state, before[1:])",
        "test_bridge.py",
    ),
    (
        "an interval on both sides of 0 decides",
        'return "higher" if low > 0 else',
        'return "higher" if high > 0 else',
        "test_stats.py",
    ),
    (
        "slopes lose their arms",
        "share = self.upper / self.upper.sum() - ~self.upper / (~self.upper).sum()",
        "share = self.upper / self.upper.sum() + ~self.upper / (~self.upper).sum()",
        "test_circuit_gain.py",
    ),
)
