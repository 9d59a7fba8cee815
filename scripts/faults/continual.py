"""Faults in streams, training and measures of continual learning."""

FAULTS = (
    # continual learning
    (
        "A_f is the accuracy at the end",
        "final = curve[0]",
        "final = curve[-1]",
        "test_metrics.py",
    ),
    (
        "the duration is in evaluations",
        "np.sum(spans * (curve < 0.95 * final - 1e-6))",
        "np.sum(curve < 0.95 * final - 1e-6)",
        "test_metrics.py",
    ),
    (
        "the area is in evaluations",
        "np.sum(spans * np.maximum(final - curve, 0))",
        "np.sum(np.maximum(final - curve, 0))",
        "test_metrics.py",
    ),
    (
        "iterations are taken for evaluations",
        "i = int(np.searchsorted(times, after))",
        "i = min(after, len(times) - 1)",
        "test_metrics.py",
    ),
    (
        "dense evaluations weigh more than sparse ones",
        "np.average(over_tasks, weights=spans)",
        "np.average(over_tasks)",
        "test_metrics.py test_metrics_oracles.py",
    ),
    (
        "a window holds one evaluation more",
        "steps = range(1, min(window, len(curve)))",
        "steps = range(1, min(window + 1, len(curve)))",
        "test_metrics.py test_metrics_oracles.py",
    ),
    (
        "the lowest accuracy is while it is learned",
        "np.nanmin(accuracy[task + 1 :, :, task])",
        "np.nanmin(accuracy[task:, :, task])",
        "test_metrics.py test_metrics_oracles.py",
    ),
    (
        "joint training is fine-tuning",
        'low = 0 if protocol.regime == "joint" else starts[task]',
        "low = starts[task]",
        "test_training_regimes.py",
    ),
    (
        "an example is counted twice in one pass",
        "filled = np.concatenate([order, ~np.resize(last,",
        "filled = np.concatenate([order, np.resize(last,",
        "test_training_own.py",
    ),
    (
        "a short task learns on",
        "jax.lax.cond(start < updates, stretch",
        "jax.lax.cond(start <= updates, stretch",
        "test_training_own.py",
    ),
    (
        "dropout is the same in every update",
        "own = images.scaled(pixels, self.scale), update_key(key, 3, source, i)",
        "own = images.scaled(pixels, self.scale), update_key(key, 3, source, 0 * i)",
        "test_training_models.py",
    ),
    (
        "convolutions are looked for at the top alone",
        "yield from _primitives(inner)",
        "yield from ()",
        "test_training_models.py",
    ),
    (
        "a line search under a gain evaluates the wrong weights",
        "result[name] = _in_latent(value, effective)",
        "result[name] = value",
        "test_modulate_functions.py",
    ),
    (
        "features are scaled as pixels are",
        "images.astype(jnp.float32) / 255 if images.dtype == jnp.uint8 else images",
        "images.astype(jnp.float32) / 255",
        "test_training_own.py",
    ),
    (
        "pixels of 16 bits lose their low byte",
        'DEEP_STORAGE = re.compile(r";16[BLN]")',
        'DEEP_STORAGE = re.compile(r";32[BLN]")',
        "test_image_folder.py",
    ),
    (
        "classes are sorted as texts",
        "sorted(folders, key=_natural)",
        "sorted(folders)",
        "test_image_folder.py",
    ),
    (
        "a run that diverged is right by chance",
        "correct &= jnp.all(jnp.isfinite(logits), axis=-1)",
        "correct &= jnp.any(jnp.isfinite(logits), axis=-1) | True",
        "test_evaluation.py",
    ),
)
