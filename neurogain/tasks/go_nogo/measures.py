"""What a Go/No-Go run is measured by, one value per seed.

Arrays are (seeds, trials); a rule's trials are a slice.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from neurogain.tasks.go_nogo.environment import PAIRS

LAST = 100  # trials of a rule that say whether it is learned
BLOCK = 20  # trials of a point of the performance
WINDOW = 40  # trials of the criterion in time, and of entropies
ACCURACY, OF_EACH_PAIR = 0.85, 0.75
DETECTED_WITHIN = 100  # trials after a shift


def _of_pairs(
    values: Float[np.ndarray, "seeds trials"], pair: Int[np.ndarray, "seeds trials"]
) -> Float[np.ndarray, "pairs seeds"]:
    """Return the mean over the trials of each pair of cues; NaN where it did not come."""
    found = []
    for number in range(PAIRS):
        own = pair == number
        count = own.sum(axis=1)
        found.append(np.where(count > 0, (values * own).sum(axis=1) / np.maximum(count, 1), np.nan))
    return np.array(found)


def learned(
    correct: Float[np.ndarray, "seeds trials"], pair: Int[np.ndarray, "seeds trials"]
) -> Bool[np.ndarray, " seeds"]:
    """Return whether at least 85 % are correct, and at least 75 % with each pair of cues."""
    each = _of_pairs(correct, pair)
    enough = np.all(np.isnan(each) | (each >= OF_EACH_PAIR), axis=0)
    return (correct.mean(axis=1) >= ACCURACY) & enough


def trials_to_criterion(
    correct: Float[np.ndarray, "seeds trials"], pair: Int[np.ndarray, "seeds trials"]
) -> Float[np.ndarray, " seeds"]:
    """Return after how many trials the last 40 were `learned` for the first time; NaN: never."""
    found = np.full(len(correct), np.nan)
    for end in range(WINDOW, correct.shape[1] + 1):
        part = slice(end - WINDOW, end)
        now = learned(correct[:, part], pair[:, part])
        found[np.isnan(found) & now] = end
    return found


def entropy_bits(p: np.ndarray) -> np.ndarray:
    """Return the entropy of a choice of probability p, in bits; NaN where p is.

    Example:
      >>> entropy_bits(np.array([0.0, 0.5, 1.0])).tolist()
      [0.0, 1.0, 0.0]
    """
    p = np.asarray(p, float)
    inside = (p > 0) & (p < 1)
    q = np.where(inside, p, 0.5)
    return np.where(inside, -(q * np.log2(q) + (1 - q) * np.log2(1 - q)), 0 * p)


def entropy_given_go(
    action: Int[np.ndarray, "seeds trials"], go: Int[np.ndarray, "seeds trials"]
) -> Float[np.ndarray, " seeds"]:
    """Return the entropy of the action over the trials whose cue means Go, as published."""
    count = go.sum(axis=1)
    return entropy_bits((action * go).sum(axis=1) / np.maximum(count, 1))


def entropy_given_pair(
    action: Int[np.ndarray, "seeds trials"], pair: Int[np.ndarray, "seeds trials"]
) -> Float[np.ndarray, " seeds"]:
    """Return the mean over pairs of cues of the action's entropy given the pair."""
    return np.nanmean(entropy_bits(_of_pairs(action.astype(float), pair)), axis=0)


def detection(
    trigger: Float[np.ndarray, "seeds trials"], shift: int
) -> dict[str, Float[np.ndarray, " seeds"]]:
    """Return latency (trials, NaN without), misses and false alarms around a shift.

    A burst within 100 trials of the shift is a detection; earlier ones are false alarms.

    Example:
      >>> trigger = np.zeros((1, 200))
      >>> trigger[0, [30, 104]] = 1
      >>> {name: x.tolist() for name, x in detection(trigger, 100).items()}
      {'latency': [5.0], 'misses': [0.0], 'false_alarms': [1.0]}
    """
    after = trigger[:, shift : shift + DETECTED_WITHIN] > 0
    found = after.any(axis=1)
    return {
        "latency": np.where(found, after.argmax(axis=1) + 1.0, np.nan),
        "misses": (~found).astype(float),
        "false_alarms": (trigger[:, :shift] > 0).sum(axis=1).astype(float),
    }
