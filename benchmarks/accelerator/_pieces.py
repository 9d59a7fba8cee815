"""What `accelerator` runs: one benchmark with options each, and how long it is expected to take.

Seconds are expected on one H100 with compiling, before any was measured. Peers that run on CPUs
alone (Brian2, NEST, NumPy, PyTorch as `continual_throughput` uses it) are left out; `single_cell`
and `go_nogo_tuning` are too, since they measure the models and not a device.

float32 products of matrices are rounded to TF32 (10 bits) on GPUs unless JAX is told otherwise.
Training speed is measured so, as users have it; whatever is compared with results of a CPU runs at
full float32 (`exact`).
"""

import dataclasses

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
    needs: str  # a data set, by its folder in the data folder

    @property
    def alone(self) -> bool:
        """Whether nothing may run beside it."""
        return self.runs == "alone"

    @property
    def command(self) -> str:
        """The command as it is quoted."""
        return f"python benchmarks/run.py run {self.options}" + " --data-dir DIR" * bool(self.needs)


_CIFAR = "--jobs 6 --scale paper --bfloat16 --tuning-seeds 1 --tuning-eval-every 20 --eval-every 2"
# name, seconds, runs, needs (- nothing), benchmark (= its own name), options
_TABLE = f"""
optimizer-overhead 60 alone - = --scanned 100 --inner momentum-sgd adam --per global unit \
    --rounds 20 --seconds 0.05
continual-64 40 alone - continual-throughput --problems mnist --methods ngm --seeds 64 \
    --contenders trainer
continual-1 40 alone - continual-throughput --problems mnist --methods ngm --seeds 1 \
    --contenders trainer 'jax loop'
continual-8 45 alone - continual-throughput --problems mnist --methods ngm --seeds 8 \
    --contenders trainer 'jax loop'
continual-batching 80 alone - = --models resnet --bfloat16 --iterations 20 --runs 5
cell-throughput 50 alone - = --peers --cells 100 10000 100000 1000000 --cell-steps 1e9 --rounds 3
network-speed 60 alone - = --engines neurogain --sizes 16000 --repeats 2
network-speed-large 75 alone - network-speed --engines neurogain --sizes 100000 --repeats 2
noise-speed-large 35 alone - noise-speed --sizes 1000000 --numbers 1e9 --network-sizes \
    --draws 1000000 --rounds 5
noise-speed 80 alone - = --sizes 1000 16000 --network-sizes 16000 --draws 1000000 --rounds 3
network-largest 75 alone - network-scaling --parts largest --largest-ms 300 --memory-gib 100
network-cost 90 alone - network-scaling --parts rows --cells 16000 --in-degrees 100 1000 \
    --levels 0 2 --rounds 2
optimizer-overhead-calls 25 alone - optimizer-overhead --settings mlp --inner adam --rounds 20 \
    --seconds 0.05
gain-curve 25 exact - =
go-nogo 60 exact - = --conditions da da+na --validity 1 --overtraining 0 --seeds 300
burst-stdp 60 exact - = --seeds 200 --duration 4000 --pulse 1000 2000 --map-current 700 \
    --map-noise 1000 --map-seeds 20
microcircuit 60 exact - = --seeds 4 --duration 500 --warm-up 200 --reference-duration 500 \
    --dendritic-levels 0 800 --coupling-levels 0 1 --som-levels 75 200 --pv-levels 75 125 \
    --other-recurrences
stability-gap-split-mnist 220 untuned mnist stability-gap --benchmarks split-mnist --jobs 6
stability-gap-rotated-mnist 200 untuned mnist stability-gap --benchmarks rotated-mnist --jobs 6
stability-gap-split-digits 180 untuned - stability-gap --benchmarks split-digits --jobs 6
stability-gap-rotated-digits 180 untuned - stability-gap --benchmarks rotated-digits --jobs 6
landscape 120 exact - =
preset-search 900 untuned mnist = --jobs 6
stability-gap-split-cifar10 3600 shared cifar10 stability-gap --benchmarks split-cifar10 {_CIFAR}
stability-gap-domain-cifar100 2400 shared cifar100 stability-gap --benchmarks domain-cifar100 \
    {_CIFAR}
stability-gap-domain-cifar100-subset 2400 shared cifar100_subset stability-gap \
    --benchmarks domain-cifar100_subset {_CIFAR}
"""


def _piece(line: str) -> Piece:
    name, seconds, runs, needs, benchmark, *options = line.split()
    words = [name if benchmark == "=" else benchmark, *options]
    return Piece(name, float(seconds), runs, " ".join(words), "" if needs == "-" else needs)


PIECES = tuple(_piece(line) for line in _TABLE.strip().splitlines())
