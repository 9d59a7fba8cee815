import os

from hypothesis import settings
from jaxtyping import install_import_hook

# The devices are counted when the backend starts, so before the first array of any test.
_DEVICES = "--xla_force_host_platform_device_count=4"
if _DEVICES not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DEVICES}".strip()

# Annotated shapes and dtypes are checked while the tests run.
_KERNELS = (
    *("uncertainty", "continual.metrics", "continual.models"),
    *(f"spiking.{name}" for name in ("izhikevich", "dendrite", "pyramidal", "synapses")),
)
install_import_hook([f"neurogain.{name}" for name in _KERNELS], "beartype.beartype")

settings.register_profile("neurogain", deadline=None, derandomize=True)
settings.load_profile("neurogain")
