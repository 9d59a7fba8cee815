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

# Where an operation stands in the source is not read here, and is a tenth of the work.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

# Annotated types, shapes and dtypes are checked while the tests run.
install_import_hook("neurogain", "runtime_types.checked")

# Tracing makes many objects; looking for circles among them takes a twentieth of the time.
gc.set_threshold(100_000, 20, 100)

settings.register_profile("neurogain", deadline=None, derandomize=True)
settings.load_profile("neurogain")

# Each program that is loaded has some mappings of memory, of which Linux allows a process 65,530:
# beyond that, a worker dies. 6,000 tests load more.
MAPPINGS = Path("/proc/self/maps")
MOST_MAPPINGS = 20_000


@pytest.fixture(autouse=True, scope="module")
def _programs_of_earlier_modules_are_freed():
    yield
    if MAPPINGS.exists() and MAPPINGS.read_bytes().count(b"\n") > MOST_MAPPINGS:
        import jax  # now that the flags are set

        jax.clear_caches()
        gc.collect()
