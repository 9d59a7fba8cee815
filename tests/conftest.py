import os

from hypothesis import settings

# The devices are counted when the backend starts, so before the first array of any test.
_DEVICES = "--xla_force_host_platform_device_count=4"
if _DEVICES not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DEVICES}".strip()

settings.register_profile("neurogain", deadline=None, derandomize=True)
settings.load_profile("neurogain")
