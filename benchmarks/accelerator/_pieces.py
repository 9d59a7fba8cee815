"""What `accelerator.py` runs: one line of command each, and how long it is expected to take.

In a command {out} is the piece's own folder and {data_dir} that of the data sets. Seconds are
expected on one H100 with compiling, before any was measured. Peers that run on CPUs alone (Brian2,
NEST, NumPy, PyTorch as `continual_throughput.py` uses it) are left out; `single_cell.py` and
`go_nogo_tuning.py` are too, since they measure the models and not a device.

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
    command: str  # `python` in front is understood, but for the command `neurogain`
    result: str  # the JSON file that it writes, in {out}
    seconds: float  # expected
    tiny: str  # options that override those of the command, for a trial in seconds
    alone: bool = True  # it measures speed: nothing runs beside it
    needs: tuple[str, ...] = ()  # data sets, by their folders in {data_dir}
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Return the command as it is quoted."""
        text = self.command.format(out="OUT", data_dir="DIR")
        return text if text.startswith("neurogain ") else f"python {text}"


def _continual(seeds: int, contenders: str, seconds: float) -> Piece:
    return Piece(
        f"continual-{seeds}",
        f"Speed of the continual trainer, {seeds} run{'s' * (seeds > 1)} side by side",
        f"benchmarks/continual/continual_throughput.py "
        f"--problems mnist --methods ngm --seeds {seeds} "
        f"--contenders {contenders} --out {{out}}",
        "continual_throughput.json",
        seconds,
        "--problems digits --iterations 2 --rounds 1 --seeds 2",
    )


# With every compilation choosing among kernels by trying them, several at once wait for each other
# on the device; without, all methods on both streams of MNIST took 200 s on one H200.
_UNTUNED = {"XLA_FLAGS": "--xla_gpu_autotune_level=0 --xla_gpu_enable_triton_gemm=false"}


def _gap(benchmark: str, data_set: str | None, seconds: float, options: str = "") -> Piece:
    folder = "--data-dir {data_dir} " if data_set else ""
    return Piece(
        f"stability-gap-{benchmark.replace('_', '-')}",
        f"The stability gap on {benchmark}",
        f"benchmarks/continual/stability_gap.py "
        f"--benchmarks {benchmark} {folder}--jobs 6 {options}"
        "--out {out} --work {out}/work",
        f"stability_gap_{benchmark}{'_paper' if options else ''}.json",
        seconds,
        "--iterations 2 --tuning-seeds 1 --report-seeds 1",
        alone=False,
        needs=(data_set,) if data_set else (),
        env={} if options else EXACT | _UNTUNED,
    )


def _network_speed(name: str, size: int, seconds: float) -> Piece:
    return Piece(
        name,
        f"Speed of a layer-5 network of {size:,} cells",
        f"benchmarks/networks/network_speed.py "
        f"--engines neurogain --sizes {size} --repeats 2 "
        "--json {out}/network_speed.json",
        "network_speed.json",
        seconds,
        "--sizes 100 --variants static --seconds 0.02 --repeats 1",
    )


_CIFAR = "--scale paper --bfloat16 --tuning-seeds 1 --tuning-eval-every 20 --eval-every 2 "
_TINY_NOISE = "--sizes 1000 --numbers 2e4 --rounds 1 --draws 200000"

PIECES = (
    Piece(
        "optimizer-overhead",
        "Cost of the transformation in a training step, steps in a compiled scan",
        "benchmarks/continual/optimizer_overhead.py "
        "--scanned 100 --inner momentum-sgd adam "
        "--per global unit --rounds 20 --seconds 0.05 --out {out}",
        "optimizer_overhead.json",
        60,
        "--settings mlp --inner adam --per global --rounds 2 --seconds 0.01 --scanned 2",
    ),
    _continual(64, "trainer", 40),
    _continual(1, "trainer 'jax loop'", 40),
    _continual(8, "trainer 'jax loop'", 45),
    Piece(
        "continual-batching",
        "Runs of the continual trainer side by side and one by one, a slim ResNet-18",
        "benchmarks/continual/continual_batching.py "
        "--models resnet --bfloat16 --iterations 20 --runs 5 "
        "--name continual_batching --out {out}",
        "continual_batching.json",
        80,
        "--models digits --iterations 2 --runs 2 --rounds 1",
    ),
    Piece(
        "cell-throughput",
        "Speed of the two-compartment cell",
        "benchmarks/cells/cell_throughput.py "
        "--peers --cells 100 10000 100000 1000000 --cell-steps 1e9 "
        "--rounds 3 --out {out}",
        "cell_throughput.json",
        50,
        "--cells 100 --cell-steps 2e4 --rounds 1",
    ),
    _network_speed("network-speed", 16_000, 60),
    _network_speed("network-speed-large", 100_000, 75),
    Piece(
        "network-at-once",
        "Spikes that a network delivers in one round",
        "benchmarks/networks/network_at_once.py --cells 100000 --json {out}/network_at_once.json",
        "network_at_once.json",
        60,
        "--cells 200 --duration 10 --at-once 1 8 --rounds 1",
    ),
    Piece(
        "noise-speed-large",
        "Random numbers in every step, a million at once",
        "benchmarks/cells/noise_speed.py "
        "--sizes 1000000 --numbers 1e9 --network-sizes --draws 1000000 "
        "--rounds 5 --out {out}",
        "noise_speed.json",
        35,
        _TINY_NOISE,
    ),
    Piece(
        "noise-speed",
        "Random numbers in every step, and their share in a network",
        "benchmarks/cells/noise_speed.py "
        "--sizes 1000 16000 --network-sizes 16000 --draws 1000000 "
        "--rounds 3 --out {out}",
        "noise_speed.json",
        80,
        f"{_TINY_NOISE} --network-sizes 100",
    ),
    Piece(
        "network-largest",
        "A network of a million cells",
        "benchmarks/networks/network_scaling.py "
        "--no-runs --no-build --no-paper --largest-ms 300 "
        "--memory-gib 100 --json {out}/network_scaling.json",
        "network_scaling.json",
        75,
        "--largest-cells 1000 --largest-ms 100",
    ),
    Piece(
        "network-cost",
        "What a network costs as it grows",
        "benchmarks/networks/network_scaling.py "
        "--no-build --no-largest --no-paper --cells 16000 "
        "--in-degrees 100 1000 --levels 0 2 --rounds 2 --json {out}/network_scaling.json",
        "network_scaling.json",
        90,
        "--cells 200 --in-degrees 100 --levels 0 --rounds 1 --seconds 0.02 --variants static",
    ),
    Piece(
        "optimizer-overhead-calls",
        "Cost of the transformation in a training step, a call each",
        "benchmarks/continual/optimizer_overhead.py "
        "--settings mlp --inner adam --rounds 20 --seconds 0.05 "
        "--out {out}",
        "optimizer_overhead.json",
        25,
        "--per global --rounds 2 --seconds 0.01",
    ),
    Piece(
        "gain-curve",
        "f-I curves of the pyramidal cell",
        "neurogain gain-curve --somatic-current 525:1500:25 --dendritic-current 0:900:100 "
        "--coupling 0:1:0.25 --repeats 20 --out {out}/run --resume",
        "run/metrics.json",
        25,
        "--somatic-current 700 1500 --dendritic-current 0 --coupling 0 --repeats 1 --duration 50",
        alone=False,
        env=EXACT,
    ),
    Piece(
        "go-nogo",
        "Go/No-Go with a set shift, 300 agents of two conditions",
        "neurogain go-nogo --conditions da da+na --validity 1 --overtraining 0 --seeds 300 "
        "--out {out}/run --resume",
        "run/metrics.json",
        60,
        "--conditions da --seeds 2 --trials 40",
        alone=False,
        env=EXACT,
    ),
    Piece(
        "burst-stdp",
        "Burst-STDP, 200 networks",
        "neurogain burst-stdp --seeds 200 --duration 4000 --pulse 1000 2000 --map-current 700 "
        "--map-noise 1000 --map-seeds 20 --out {out}/run --resume",
        "run/metrics.json",
        60,
        "--seeds 2 --duration 1500 --early 500 --warm-up 0 --pulse 500 1000 --map-seeds 2",
        alone=False,
        env=EXACT,
    ),
    Piece(
        "microcircuit",
        "The layer-5 microcircuit, short",
        "neurogain microcircuit --seeds 4 --duration 500 --warm-up 200 --reference-duration 500 "
        "--dendritic-levels 0 800 --coupling-levels 0 1 --som-levels 75 200 --pv-levels 75 125 "
        "--other-recurrences --out {out}/run --resume",
        "run/metrics.json",
        60,
        "--seeds 2 --duration 50 --warm-up 0 --reference-duration 50 --somatic-current 700 1100",
        alone=False,
        env=EXACT,
    ),
    _gap("split-mnist", "mnist", 220),
    _gap("rotated-mnist", "mnist", 200),
    _gap("split-digits", None, 180),
    _gap("rotated-digits", None, 180),
    Piece(
        "landscape",
        "Curvature and loss around a switch",
        "neurogain landscape --out {out}/run --resume",
        "run/metrics.json",
        120,
        "--optimizers ngm --seeds 1 --iterations 10 --window 5 --every 5 --points 3 --products 5",
        alone=False,
        env=EXACT,
    ),
    Piece(
        "preset-search",
        "The two-timescale preset: search of its constants on tuning seeds",
        "benchmarks/continual/preset_search.py "
        "--data-dir {data_dir} --jobs 6 --out {out} --work {out}/work",
        "preset_search.json",
        900,
        "--iterations 2 --seeds 1 --rates 0.001 --norms 0.1 --sensitivities 0 0.4 "
        "--consolidations 0.99",
        alone=False,
        needs=("mnist",),
        env=EXACT | _UNTUNED,
    ),
    _gap("split-cifar10", "cifar10", 3600, _CIFAR),
    _gap("domain-cifar100", "cifar100", 2400, _CIFAR),
    _gap("domain-cifar100_subset", "cifar100_subset", 2400, _CIFAR),
)
