"""What every training loop needs of one forward pass: loss, gradients and the drive of the gain."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from neurogain import _checks
from neurogain.optim import _drive
from neurogain.uncertainty import entropy, least_confidence, margin, normalized_entropy

SOFTMAX = (entropy, normalized_entropy, least_confidence, margin)  # 0 for a single class


def value_grad_and_uncertainty(
    loss_fn: Callable[..., tuple[Any, Any]],
    *,
    uncertainty: Callable[[Any], PyTree] = entropy,
    has_aux: bool = False,
    axis_name: _drive.AxisName = None,
    value_and_grad: Callable[..., Callable[..., Any]] = jax.value_and_grad,
    **options: Any,
) -> Callable[..., tuple[Any, PyTree, PyTree]]:
    """Return a function that gives loss, gradients and the drive of the gain in one forward pass.

    It is `value_and_grad` of the loss with `uncertainty(logits)` beside it, bit for bit, under jit,
    vmap and scan, too. No gradient passes the drive.

    Args:
      loss_fn: (params, ...) -> (loss, logits), or (loss, (logits, aux)) with `has_aux`. The loss is
        a scalar. What stands for the logits is anything that `uncertainty` takes: a loss that
        returns `(loss, (logits, labels))` goes with `lambda z: surprise(*z)`.
      uncertainty: from the logits to the drive: a number, an array per example, or a tree of those,
        finite and >= 0.
      has_aux: whether the loss returns something else, too.
      axis_name: of `jax.vmap`, `jax.pmap` or `jax.shard_map`: loss, gradients and drive are then
        means over it, as those of the whole batch are where parts of it are equally large. So the
        gain needs no `axis_name`. `aux` is left as it is.
      value_and_grad: what differentiates, called as `value_and_grad(f, has_aux=True, **options)`:
        `flax.nnx.value_and_grad`, `equinox.filter_value_and_grad`.
      **options: for `value_and_grad`, such as `argnums`.

    Returns:
      A function of the arguments of `loss_fn` that returns (loss, gradients, drive), or
      ((loss, aux), gradients, drive) with `has_aux`.

    Raises:
      TypeError: if a function can't be called; at the first call, if `loss_fn` returns no pairs, or
        `uncertainty` nothing.
      ValueError: at the first call, if the drive is of the softmax and there is one logit alone.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import get_gain, multi_steps, ngm_sgd
      >>> def loss_fn(params, x, y):
      ...     logits = x @ params["w"]
      ...     return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits
      >>> learn = value_grad_and_uncertainty(loss_fn)
      >>> tx = ngm_sgd(0.1)
      >>> @jax.jit
      ... def step(params, state, x, y):
      ...     loss, grads, drive = learn(params, x, y)
      ...     updates, state = tx.update(grads, state, params, uncertainty=drive)
      ...     return optax.apply_updates(params, updates), state, loss
      >>> params = {"w": jnp.zeros((2, 3))}
      >>> x, y = jnp.ones((4, 2)), jnp.array([0, 1, 2, 0])
      >>> params, state, loss = step(params, tx.init(params), x, y)
      >>> print(f"{loss:.4f} {get_gain(state):.4f}")
      1.0986 1.4394

      In micro-batches, `multi_steps` averages gradients and drives:

      >>> tx = multi_steps(ngm_sgd(0.1), 2)
      >>> def micro(carry, batch):
      ...     params, state, loss = step(*carry, *batch)
      ...     return (params, state), loss
      >>> params = {"w": jnp.zeros((2, 3))}
      >>> batches = x.reshape(2, 2, 2), y.reshape(2, 2)
      >>> step.clear_cache()  # it was compiled with the other optimizer
      >>> (params, state), _ = jax.lax.scan(micro, (params, tx.init(params)), batches)
      >>> print(f"{get_gain(state):.4f}")
      1.4394

      A step of Flax, for nnx and for `neurogain.optim.train_state.TrainState`:

          learn = value_grad_and_uncertainty(loss_fn, value_and_grad=nnx.value_and_grad)
          loss, grads, drive = learn(model, x, y)
          optimizer.update(model, grads, uncertainty=drive)

          loss, grads, drive = learn(state.params, x, y)
          state = state.apply_gradients(grads=grads, uncertainty=drive)
    """
    for name, function in {
        "loss_fn": loss_fn,
        "uncertainty": uncertainty,
        "value_and_grad": value_and_grad,
    }.items():
        if not callable(function):
            raise TypeError(
                f"`{name}` must be a function; got {function!r:.200}. Pass the function itself, "
                "not what it returns."
            )
    _checks.flag("has_aux", has_aux)

    def mean(tree: PyTree) -> PyTree:
        return tree if axis_name is None else jax.lax.pmean(tree, axis_name)

    def paired(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        result = loss_fn(*args, **kwargs)
        _check_pair("(loss, (logits, aux))" if has_aux else "(loss, logits)", result)
        loss, rest = result
        if has_aux:
            _check_pair("(loss, (logits, aux)), since has_aux=True", rest)
        # With the mean inside, gradients are right whether or not shard_map sums those of
        # parameters that all devices share.
        return mean(loss), rest

    differentiate = value_and_grad(paired, has_aux=True, **options)

    def step(*args: Any, **kwargs: Any) -> tuple[Any, PyTree, PyTree]:
        (loss, rest), grads = differentiate(*args, **kwargs)
        logits, aux = rest if has_aux else (rest, None)
        drive = jax.lax.stop_gradient(_drive_of(uncertainty, logits))
        return (loss, aux) if has_aux else loss, mean(grads), mean(drive)

    return step


def _drive_of(uncertainty: Callable[[Any], PyTree], logits: Any) -> PyTree:
    """Return the drive; raise an error for none, and for one that is 0 whatever the logits."""
    if uncertainty in SOFTMAX and jnp.shape(logits)[-1:] == (1,):
        raise ValueError(
            "`loss_fn` must return the logits of at least two classes for "
            f"uncertainty={uncertainty.__name__}, since the softmax of one is certain whatever its "
            f"value; got shape {jnp.shape(logits)}. For a sigmoid return "
            "jnp.concatenate([jnp.zeros_like(z), z], axis=-1)."
        )
    drive = uncertainty(logits)
    if not jax.tree.leaves(drive):
        raise TypeError(
            f"`uncertainty` must return a drive, a number or an array; got {drive!r:.200}. Return "
            "what it computes."
        )
    return drive


def _check_pair(wanted: str, value: object) -> None:
    """Raise a TypeError unless a value is a tuple or list of two."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        got = f"{len(value)} values" if isinstance(value, tuple | list) else type(value).__name__
        raise TypeError(
            f"`loss_fn` must return {wanted}; got {got}. Return the logits beside the loss: the "
            "drive of the gain comes from them."
        )
