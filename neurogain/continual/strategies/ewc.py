"""EWC: weights that mattered for old tasks are held where they were."""

from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree

from neurogain import _checks
from neurogain.continual import baselines
from neurogain.continual.baselines import EWC, EWCState, _arrays
from neurogain.continual.network import Variables
from neurogain.continual.strategy import Batch, Ended, Strategy


def ewc(
    penalty: ArrayLike = 180.0, fisher_examples: int = 200, *, rule: EWC | None = None
) -> Strategy:
    """Return EWC: the loss grows with the distance to earlier parameters, by Fisher information.

        L = loss(new) + penalty / 2 sum_j F_j (theta_j - theta*_j)^2

    At the end of each task theta* are the parameters that learn, in an optimizer with a gain the
    effective weights. F is the Fisher information of the model in evaluation, with labels that the
    model draws, over examples of the task (`baselines.fisher_diagonal`).

    Args:
      penalty: lambda, finite and >= 0; may be traced.
      fisher_examples: examples of the task over which F is the mean, drawn with replacement.
      rule: how tasks are put together: `baselines.online_ewc()`, a sum of F around the latest
        parameters, or `baselines.ewc(tasks)`, each around its own.

    Raises:
      TypeError: if `rule` is none, or one that is not called.
      ValueError: if a known number is out of range.

    Example:
      >>> strategy = ewc(penalty=100.0)
      >>> each_around_its_own = ewc(penalty=100.0, rule=baselines.ewc(tasks=5))

    Source: Kirkpatrick et al. 2017 (arXiv 1612.00796), eq. 3; online Schwarz et al. 2018
      (arXiv 1805.06370). The default penalty is 2 x 90, with 90 the weight without the factor 1/2
      in the code of Buzzega et al. 2020 (arXiv 2004.07211) for online EWC on Split-MNIST.
    """
    _arrays.check_weight("penalty", penalty)
    _checks.whole("fisher_examples", fisher_examples, 1)
    if rule is not None and not isinstance(rule, EWC):
        raise TypeError(
            f"`rule` must be a rule of EWC; got {rule!r:.200}. Pass baselines.online_ewc() or "
            "baselines.ewc(tasks=5)."
        )
    wells = baselines.online_ewc() if rule is None else rule

    def init(learned: Variables, logits: Float[Array, " classes"]) -> EWCState:
        del logits
        return wells.init(learned.params)

    def loss(state: EWCState, params: PyTree, batch: Batch) -> Float[Array, ""]:
        new = batch.new
        total = batch.mean_loss(new.logits, new.labels, new.counted)
        return total + baselines.ewc_penalty(params, state, penalty).astype(total.dtype)

    def at_task_end(state: EWCState, ended: Ended) -> EWCState:
        params, stats = ended.learned
        inputs, _ = ended.examples(fisher_examples)

        def apply(params: PyTree, inputs: Array) -> Array:
            return ended.predict(params, stats, inputs)

        fisher = baselines.fisher_diagonal(apply, params, inputs, key=ended.key)
        return wells.add(state, params, fisher)

    return Strategy(init=init, loss=loss, at_task_end=at_task_end, tasks=wells.tasks)
