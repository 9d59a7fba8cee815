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
        "state, new, replayed, own,",
        "state, new, replayed, key,",
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
    # strategies
    (
        "gradients are not projected",
        "grads = self.strategy.project(grads, self._reference(params))",
        "grads = self.strategy.project(grads, grads)",
        "test_strategies.py",
    ),
    (
        "A-GEM's references are of the task that is learned",
        "return buffers.sample(state.earlier, size, key)",
        "return buffers.sample(state.memory, size, key)",
        "test_strategies.py",
    ),
    (
        "what fills up a pass is remembered",
        "Slots(new.indices, new.labels), key, where=new.counted)",
        "Slots(new.indices, new.labels), key)",
        "test_strategies.py",
    ),
    (
        "DER++ holds logits that an empty memory has not",
        "where=first.counted,",
        "where=None,",
        "test_strategies.py",
    ),
    (
        "EWC holds weights where they began",
        "return wells.add(state, params, fisher)",
        "return wells.add(state, params, fisher)._replace(anchors=state.anchors)",
        "test_strategies.py",
    ),
    (
        "LwF keeps the model that learns, not the one that acts",
        "return LwFState(ended.acting,",
        "return LwFState(ended.learned,",
        "test_training_state.py",
    ),
    (
        "a task of a run's own is not ended",
        "if made(self.program.strategy, of_first).at_task_end is not None:",
        "if made(self.program.strategy, of_first).at_task_end is not None and not own:",
        "test_strategies.py",
    ),
)
