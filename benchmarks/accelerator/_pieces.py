"""What `accelerator` runs: one benchmark with options each, in `pieces.toml`.

Peers that run on CPUs alone (Brian2, NEST, NumPy, PyTorch as `continual_throughput` uses it) are
left out; `single_cell` and `go_nogo_tuning` are too, since they measure the models and not a
device.

float32 products of matrices are rounded to TF32 (10 bits) on GPUs unless JAX is told otherwise.
Training speed is measured so, as users have it; whatever is compared with results of a CPU runs at
full float32 (`exact`).
"""

import dataclasses
import tomllib
from pathlib import Path

EXACT = {"JAX_DEFAULT_MATMUL_PRECISION": "highest"}
# With every compilation choosing among kernels by trying them, several at once wait for each other
# on the device; without, all methods on both streams of MNIST took 200 s on one H200.
UNTUNED = {"XLA_FLAGS": "--xla_gpu_autotune_level=0 --xla_gpu_enable_triton_gemm=false"}
ENVIRONMENTS = {"alone": {}, "shared": {}, "exact": EXACT, "untuned": EXACT | UNTUNED}


@dataclasses.dataclass(frozen=True)
class Piece:
    """One process."""

    name: str  # letters, digits and - alone; also that of its file
    seconds: float  # expected
    runs: str  # alone: it measures speed, nothing runs beside it; or one of ENVIRONMENTS
    options: str  # the name of the benchmark and its options
    needs: str = ""  # a data set, by its folder in the data folder

    @property
    def alone(self) -> bool:
        """Whether nothing may run beside it."""
        return self.runs == "alone"

    @property
    def command(self) -> str:
        """The command as it is quoted."""
        return f"python benchmarks/run.py run {self.options}" + " --data-dir DIR" * bool(self.needs)


_TABLE = tomllib.loads(Path(__file__).with_name("pieces.toml").read_text())
PIECES = tuple(Piece(name, **fields) for name, fields in _TABLE.items())
