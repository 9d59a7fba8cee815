"""What `accelerator` runs: one benchmark with options each, and how long it is expected to take.

Seconds are expected on one H100 with compiling, before any was measured. Peers that run on CPUs
alone (Brian2, NEST, NumPy, PyTorch as `continual_throughput` uses it) are left out; `single_cell`
and `go_nogo_tuning` are too, since they measure the models and not a device.

float32 products of matrices are rounded to TF32 (10 bits) on GPUs unless JAX is told otherwise.
Training speed is measured so, as users have it; whatever is compared with results of a CPU runs at
full float32 (`EXACT`).
"""

import dataclasses
from collections.abc import Mapping

EXACT = {"JAX_DEFAULT_MATMUL_PRECISION": "highest"}


@dataclasses.dataclass(frozen=True)
class Piece:
    """One process."""

    name: str  # letters, digits and - alone; also that of its file
    title: str
    options: str  # the name of the benchmark and its options
    seconds: float  # expected
    alone: bool = True  # it measures speed: nothing runs beside it
    needs: str = ""  # a data set, by its folder in the data folder
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def command(self) -> str:
        """Return the command as it is quoted."""
        return f"python benchmarks/run.py run {self.options}" + " --data-dir DIR" * bool(self.needs)


def _continual(seeds: int, contenders: str, seconds: float) -> Piece:
    return Piece(
        f"continual-{seeds}",
        f"Speed of the continual trainer, {seeds} run{'s' * (seeds > 1)} side by side",
        f"continual-throughput --problems mnist --methods ngm --seeds {seeds} "
        f"--contenders {contenders}",
        seconds,
    )


# With every compilation choosing among kernels by trying them, several at once wait for each other
# on the device; without, all methods on both streams of MNIST took 200 s on one H200.
_UNTUNED = {"XLA_FLAGS": "--xla_gpu_autotune_level=0 --xla_gpu_enable_triton_gemm=false"}


def _gap(benchmark: str, data_set: str, seconds: float, options: str = "") -> Piece:
    return Piece(
        f"stability-gap-{benchmark.replace('_', '-')}",
        f"The stability gap on {benchmark}",
        f"stability-gap --benchmarks {benchmark} --jobs 6{options}",
        seconds,
        alone=False,
        needs=data_set,
        env={} if options else EXACT | _UNTUNED,
    )


def _network_speed(name: str, size: int, seconds: float) -> Piece:
    options = f"network-speed --engines neurogain --sizes {size} --repeats 2"
    return Piece(name, f"Speed of a layer-5 network of {size:,} cells", options, seconds)


def _experiment(name: str, title: str, options: str, seconds: float) -> Piece:
    return Piece(name, title, f"{name} {options}".strip(), seconds, alone=False, env=EXACT)


_CIFAR = " --scale paper --bfloat16 --tuning-seeds 1 --tuning-eval-every 20 --eval-every 2"

PIECES = (
    Piece(
        "optimizer-overhead",
        "Cost of the transformation in a training step, steps in a compiled scan",
        "optimizer-overhead --scanned 100 --inner momentum-sgd adam --per global unit --rounds 20 "
        "--seconds 0.05",
        60,
    ),
    _continual(64, "trainer", 40),
    _continual(1, "trainer 'jax loop'", 40),
    _continual(8, "trainer 'jax loop'", 45),
    Piece(
        "continual-batching",
        "Runs of the continual trainer side by side and one by one, a slim ResNet-18",
        "continual-batching --models resnet --bfloat16 --iterations 20 --runs 5",
        80,
    ),
    Piece(
        "cell-throughput",
        "Speed of the two-compartment cell",
        "cell-throughput --peers --cells 100 10000 100000 1000000 --cell-steps 1e9 --rounds 3",
        50,
    ),
    _network_speed("network-speed", 16_000, 60),
    _network_speed("network-speed-large", 100_000, 75),
    Piece(
        "network-at-once",
        "Spikes that a network delivers in one round",
        "network-at-once --cells 100000",
        60,
    ),
    Piece(
        "noise-speed-large",
        "Random numbers in every step, a million at once",
        "noise-speed --sizes 1000000 --numbers 1e9 --network-sizes --draws 1000000 --rounds 5",
        35,
    ),
    Piece(
        "noise-speed",
        "Random numbers in every step, and their share in a network",
        "noise-speed --sizes 1000 16000 --network-sizes 16000 --draws 1000000 --rounds 3",
        80,
    ),
    Piece(
        "network-largest",
        "A network of a million cells",
        "network-scaling --no-runs --no-build --no-paper --largest-ms 300 --memory-gib 100",
        75,
    ),
    Piece(
        "network-cost",
        "What a network costs as it grows",
        "network-scaling --no-build --no-largest --no-paper --cells 16000 --in-degrees 100 1000 "
        "--levels 0 2 --rounds 2",
        90,
    ),
    Piece(
        "optimizer-overhead-calls",
        "Cost of the transformation in a training step, a call each",
        "optimizer-overhead --settings mlp --inner adam --rounds 20 --seconds 0.05",
        25,
    ),
    _experiment("gain-curve", "f-I curves of the pyramidal cell", "", 25),
    _experiment(
        "go-nogo",
        "Go/No-Go with a set shift, 300 agents of two conditions",
        "--conditions da da+na --validity 1 --overtraining 0 --seeds 300",
        60,
    ),
    _experiment(
        "burst-stdp",
        "Burst-STDP, 200 networks",
        "--seeds 200 --duration 4000 --pulse 1000 2000 --map-current 700 --map-noise 1000 "
        "--map-seeds 20",
        60,
    ),
    _experiment(
        "microcircuit",
        "The layer-5 microcircuit, short",
        "--seeds 4 --duration 500 --warm-up 200 --reference-duration 500 --dendritic-levels 0 800 "
        "--coupling-levels 0 1 --som-levels 75 200 --pv-levels 75 125 --other-recurrences",
        60,
    ),
    _gap("split-mnist", "mnist", 220),
    _gap("rotated-mnist", "mnist", 200),
    _gap("split-digits", "", 180),
    _gap("rotated-digits", "", 180),
    _experiment("landscape", "Curvature and loss around a switch", "", 120),
    Piece(
        "preset-search",
        "The two-timescale preset: search of its constants on tuning seeds",
        "preset-search --jobs 6",
        900,
        alone=False,
        needs="mnist",
        env=EXACT | _UNTUNED,
    ),
    _gap("split-cifar10", "cifar10", 3600, _CIFAR),
    _gap("domain-cifar100", "cifar100", 2400, _CIFAR),
    _gap("domain-cifar100_subset", "cifar100_subset", 2400, _CIFAR),
)
