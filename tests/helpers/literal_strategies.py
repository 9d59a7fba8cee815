"""One run by a loop in NumPy, from the definitions of the strategies; the optimizer is plain SGD.

Only the random numbers are JAX's: by the keys of the trainer.
"""

import jax
import numpy as np

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(4, dtype=np.int32), 8)
X = (RNG.normal(size=(32, 3)) + 2 * np.eye(4, 3)[LABELS]).astype(np.float32)
BATCH, UPDATES, MEMORY, RATE, SEED = 4, 4, 5, 0.3, 7


def key_of(use, task, i):
    """Return the key of one use of randomness in an update."""
    key = jax.random.key(SEED)
    for number in (use, task, i):
        key = jax.random.fold_in(key, number)
    return key


def forward(weights, x):
    hidden = np.maximum(x @ weights[0], 0)
    return hidden, hidden @ weights[1]


def backward(weights, x, delta):
    """Return the gradients for those of the logits."""
    hidden, _ = forward(weights, x)
    return [x.T @ (delta @ weights[1].T * (hidden > 0)), hidden.T @ delta]


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def entropy(logits, labels, classes=None):
    """Return the mean cross-entropy over some classes, and its gradients by the logits."""
    kept = np.ones(4, bool) if classes is None else np.array(classes)
    p = softmax(np.where(kept, logits, -np.inf))
    rows = np.arange(len(labels))
    return -np.log(p[rows, labels]).mean(), (p - np.eye(4)[labels]) / len(labels)


def product(a, b):
    return sum(np.vdot(x, y) for x, y in zip(a, b, strict=True))


class Reservoir:
    """Algorithm R: a list of indices with logits."""

    def __init__(self):
        self.slots, self.seen = [], 0

    def add(self, examples, key):
        for example, own in zip(examples, jax.random.split(key, len(examples)), strict=True):
            self.seen += 1
            if len(self.slots) < MEMORY:
                self.slots.append(example)
                continue
            slot = int(jax.random.randint(own, (), 0, self.seen))
            if slot < MEMORY:
                self.slots[slot] = example


def draw(slots, number, key):
    """Return the indices and logits of slots drawn with replacement."""
    chosen = jax.random.randint(key, (number,), 0, max(len(slots), 1)).tolist() if slots else []
    index, logits = zip(*(slots[slot] for slot in chosen), strict=True) if chosen else ((), ())
    return list(index), list(logits)


class Literal:
    """The run."""

    def __init__(self, name, weights):
        self.name, self.weights = name, [np.asarray(w, float) for w in weights]
        self.memory, self.earlier = Reservoir(), []
        self.seen, self.old_seen = set(), []
        self.old, self.fisher = self.weights, [np.zeros_like(w) for w in self.weights]
        self.projected = 0
        self.losses = []

    def update(self, index, task, i):
        """Do one update on a batch."""
        old = draw(self.memory.slots, BATCH, key_of(4, task, i))
        logits = forward(self.weights, X[index])[1]
        rule = {"der++": "der", "er-ace": "er_ace"}.get(self.name, self.name)
        loss, grads = getattr(self, rule)(index, logits, old, key_of(4, task, i))
        self.losses.append(loss)
        self.weights = [w - RATE * g for w, g in zip(self.weights, grads, strict=True)]
        self.memory.add(list(zip(index.tolist(), logits, strict=True)), key_of(7, task, i))
        self.seen |= set(LABELS[index].tolist())

    def on(self, index, logits, classes=None):
        """Return the mean cross-entropy of examples, and the gradients."""
        loss, delta = entropy(logits, LABELS[index], classes)
        return loss, backward(self.weights, X[index], delta)

    def again(self, index):
        return forward(self.weights, X[index])[1]

    def er(self, index, logits, old, key):
        both = [*index, *old[0]]
        return self.on(both, self.again(both))

    def agem(self, index, logits, old, key):
        loss, grads = self.on(index, logits)
        reference, _ = draw(self.earlier, BATCH, key)
        if reference:
            _, r = self.on(reference, self.again(reference))
            if product(grads, r) < 0:
                self.projected += 1
                factor = product(grads, r) / product(r, r)
                grads = [g - factor * x for g, x in zip(grads, r, strict=True)]
        return loss, grads

    def ewc(self, index, logits, old, key):
        loss, grads = self.on(index, logits)
        away = [w - a for w, a in zip(self.weights, self.old, strict=True)]
        loss += 20 * sum((f * d**2).sum() for f, d in zip(self.fisher, away, strict=True))
        each = zip(grads, self.fisher, away, strict=True)
        return loss, [g + 40 * f * d for g, f, d in each]

    def lwf(self, index, logits, old, key):
        loss, grads = self.on(index, logits)
        if not self.old_seen:
            return loss, grads
        kept, delta = self.old_seen, np.zeros_like(logits)
        p, q = (softmax(z[:, kept] / 3) for z in (logits, forward(self.old, X[index])[1]))
        delta[:, kept] = 0.7 * (p - q) / 3 / len(index)
        held = backward(self.weights, X[index], delta)
        loss -= 0.7 * (q * np.log(p)).sum(axis=1).mean()
        return loss, [a + b for a, b in zip(grads, held, strict=True)]

    def der(self, index, logits, old, key):
        loss, grads = self.on(index, logits)
        where, stored = draw(self.memory.slots, 2 * BATCH, key)
        if not where:
            return loss, grads
        first, second = where[:BATCH], where[BATCH:]
        away = self.again(first) - np.array(stored[:BATCH])
        one = backward(self.weights, X[first], 0.3 * 2 * away / away.size)
        other, two = self.on(second, self.again(second))
        loss += 0.3 * (away**2).mean() + 0.6 * other
        return loss, [a + b + 0.6 * c for a, b, c in zip(grads, one, two, strict=True)]

    def er_ace(self, index, logits, old, key):
        now = set(LABELS[index].tolist())
        new = [c in now or c not in self.seen for c in range(4)]
        known = [c in now or c in self.seen for c in range(4)]
        loss, grads = self.on(index, logits, new)
        if not old[0]:
            return loss, grads
        other, more = self.on(old[0], self.again(old[0]), known)
        return loss + other, [a + b for a, b in zip(grads, more, strict=True)]

    def end(self, task):
        """End a task."""
        self.earlier, self.old = list(self.memory.slots), self.weights
        self.old_seen = sorted(self.seen)
        if self.name != "ewc":
            return
        drawn, own = jax.random.split(key_of(8, task, UPDATES))
        index = jax.random.randint(drawn, (6,), 16 * task, 16 * (task + 1)).tolist()
        for i, key in zip(index, jax.random.split(own, 6), strict=True):
            x = X[[i]]
            logits = forward(self.weights, x)[1]
            label = int(jax.random.categorical(key, logits[0].astype(np.float32)))
            grads = backward(self.weights, x, np.eye(4)[[label]] - softmax(logits))
            self.fisher = [f + g**2 / 6 for f, g in zip(self.fisher, grads, strict=True)]
