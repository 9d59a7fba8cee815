"""Result folders: written whole or not at all, told apart by configuration, resumable."""

import contextlib
import dataclasses
import json
import os
import platform
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import numpy as np


class ResultFolder:
    """A folder of one run: `config.json`, one array file per finished unit, `metrics.json`."""

    def __init__(
        self, path: Path, config: Mapping[str, Any], *, resume: bool, any_versions: bool = False
    ):
        """Claim the folder.

        `any_versions`: units may be of other versions and devices; the caller says of which.

        Raises:
          ValueError: it holds results and `resume` is not given, or those of another configuration
            or of other versions.
          OSError: it can't be written.
        """
        self.path = path
        config = dict(config) | {"versions": versions()}
        try:
            (path / "curves").mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
        except OSError as error:
            raise OSError(
                f"`out` must be a folder that can be written; {path} is not ({error.strerror}). "
                "Pass --out another/folder."
            ) from error
        known = path / "config.json"
        held = any((path / "curves").iterdir())
        if held and not known.exists():
            raise ValueError(
                f"`out` must be a new folder; {path} holds arrays, but no config.json that says "
                "of what. Pass --out another/folder."
            )
        if held:
            if not resume:
                raise ValueError(
                    f"`out` must be a new folder; {path} holds results. Pass --resume to continue "
                    "them, or --out another/folder."
                )
            try:
                old = json.loads(known.read_text())
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"{known} is damaged ({error}). Pass --out another/folder."
                ) from error
            names = (old.keys() | config.keys()) - ({"versions"} if any_versions else set())
            changed = sorted(k for k in names if old.get(k) != config.get(k))
            if changed:
                raise ValueError(
                    "`resume` continues a run with the configuration and the versions it was "
                    f"started with; in {path} it differs in "
                    + "; ".join(f"{k}: {old.get(k)} there, {config.get(k)} here" for k in changed)
                    + ". Pass --out another/folder."
                )
        self.write_json("config.json", config)

    def write_json(self, name: str, content: Mapping[str, Any]) -> Path:
        """Write a JSON file; NaN and infinity are refused."""
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        with _replacing(self.path / name) as file:
            file.write(text.encode())
        return self.path / name

    def unit_path(self, unit: str) -> Path:
        """Return where the arrays of a unit lie; different units never share a file."""
        return self.path / "curves" / f"{quote(unit, safe='=,')}.npz"

    def load_unit(self, unit: str, names: Collection[str] = ()) -> dict[str, np.ndarray] | None:
        """Return the arrays of a finished unit, or None.

        Raises:
          ValueError: the file can't be read, or lacks some of `names`.
        """
        path = self.unit_path(unit)
        if not path.exists():
            return None
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                found = dict(arrays)
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{path} is damaged ({error}). Delete it, and --resume measures it again."
            ) from error
        missing = sorted(set(names) - found.keys())
        if missing:
            raise ValueError(
                f"{path} lacks {', '.join(missing)}: it is not of this run. Delete it, and "
                "--resume measures it again."
            )
        return found

    def save_unit(self, unit: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the arrays of a finished unit."""
        with _replacing(self.unit_path(unit)) as file:
            np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]


def plain(config: Any) -> dict[str, Any]:
    """Return the fields of a configuration dataclass as JSON values."""

    def value(x: Any) -> Any:
        return list(x) if isinstance(x, tuple) else str(x) if isinstance(x, Path) else x

    return {name: value(x) for name, x in dataclasses.asdict(config).items()}


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` at the end, and leaves nothing on an error."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def versions() -> dict[str, str]:
    """Return the versions and the device that results depend on."""
    import jax

    names = ("neurogain", "jax", "jaxlib", "optax", "flax", "numpy")
    found = {name: version(name) for name in names}
    return found | {"python": platform.python_version(), "device": jax.devices()[0].device_kind}
