import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# The devices are counted when the backend starts, so before the first array of any test.
_DEVICES = "--xla_force_host_platform_device_count=4"
if _DEVICES not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DEVICES}".strip()

# Compiling is three quarters of the suite's work. What was compiled once, by either worker, by a
# command that a test runs or in an earlier run, is read back (`pytest --cache-clear` forgets it).
_PROGRAMS = Path(__file__).parent.parent / ".pytest_cache" / "d" / "programs"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_PROGRAMS))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# Most of the compiler's work is optimization, which costs more than it spares where programs are
# small. Modules with the mark `optimized`, for which the last bit or the memory of what users run
# matters, have it all; so has everything with JAX_DISABLE_MOST_OPTIMIZATIONS=0.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
_SPARED = "jax_disable_most_optimizations"
_SPARING = os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"].lower() in ("1", "true", "on", "yes")

# Annotated types, shapes and dtypes are checked while the tests run.
install_import_hook("neurogain", "runtime_types.checked")

# Tracing makes many objects; looking for circles among them takes a twentieth of the time.
gc.set_threshold(100_000, 20, 100)

settings.register_profile("neurogain", deadline=None, derandomize=True)
settings.load_profile("neurogain")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let optimized modules go first, so that the compiler is told otherwise once in each worker.

    scripts/test keeps this order. Fixtures of the whole session are set up before a module's, so
    they compile nothing whose last bits matter.
    """
    items.sort(key=lambda item: item.get_closest_marker("optimized") is None)


@pytest.fixture(scope="module", autouse=True)
def _effort_of_the_compiler(request: pytest.FixtureRequest) -> None:
    import jax  # once the environment is what it reads

    spared = _SPARING and request.node.get_closest_marker("optimized") is None
    if spared != jax.config.read(_SPARED):
        jax.clear_caches()  # nothing that was compiled with the other effort is used again
        jax.config.update(_SPARED, spared)
