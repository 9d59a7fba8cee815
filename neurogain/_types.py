"""Names for annotations."""

import jax
import numpy as np

AnyArray = jax.Array | np.ndarray  # what users may pass where an array is wanted
