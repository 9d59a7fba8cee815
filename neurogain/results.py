"""Result folders: one run each, written whole or not at all, never in doubt about their origin.

A folder holds `config.json`, one file of arrays for each finished part in `curves/`, checkpoints of
parts that are under way in `checkpoints/`, `metrics.json` and the figures. One process at a time
holds the folder. Every part carries a digest of the settings that decide it.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import platform
import secrets
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from urllib.parse import quote

import numpy as np

WAY_OUT = "Pass --out another/folder."
_DIGEST = "settings_digest"  # name of the digest among the arrays of a part
_FILES = ("metrics.json", "config.json")  # of a run


class ResultFolder:
    """The folder of one run, held by this process until `close`."""

    def __init__(
        self,
        path: Path,
        config: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
        grows: Collection[str] = (),
        any_versions: bool = False,
    ):
        """Claim the folder.

        Args:
          path: of the folder; it is made if it is not there.
          config: of the run, as JSON values.
          resume: whether results of the same run may be there, to be continued.
          overwrite: whether the results of another run that are there are deleted first.
          grows: settings that may differ from those of the run that is continued, since they add
            parts and change none.
          any_versions: whether parts may come from other versions and devices; the caller then says
            from which.

        Raises:
          ValueError: if the folder holds results and neither `resume` nor `overwrite` is given, or
            results of another configuration or of other versions.
          OSError: if it can't be written, or another process holds it.
        """
        if resume and overwrite:
            raise ValueError(
                "`resume` keeps the results that are there and `overwrite` deletes them; got both. "
                "Pass one of the two."
            )
        self.path = path = path.expanduser()
        self._config = dict(config) | {"versions": versions()}
        try:
            (path / "curves").mkdir(parents=True, exist_ok=True)
            self._lock = _hold(path)
        except BlockingIOError:
            raise OSError(
                f"`out` must be a folder that no other run writes to; {path} is in use by another "
                f"run. Wait for its end, or pass --out another/folder."
            ) from None
        except OSError as error:
            raise OSError(
                f"`out` must be a folder that can be written; {path} is not ({error.strerror}). "
                f"{WAY_OUT}"
            ) from error
        try:
            self._remove(path.rglob("*.part"))  # of a process that was killed while it wrote
            if overwrite:
                self._clear()
            elif found := self._found():
                self._check_same(found, resume, {*grows, *(("versions",) if any_versions else ())})
            self.write_json("config.json", self._config)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "ResultFolder":
        """Return the folder itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the folder."""
        self.close()

    def close(self) -> None:
        """Let other processes have the folder."""
        if self._lock is not None:
            with contextlib.suppress(OSError):  # not there, or not empty
                (self.path / "checkpoints").rmdir()
            os.close(self._lock)
            self._lock = None

    def _clear(self) -> None:
        """Delete what an earlier run wrote.

        Raises:
          ValueError: if the folder holds files, but no config.json that says that they are results.
        """
        names = {p.name for p in self.path.iterdir()} - {"curves", "checkpoints", _LOCK}
        if names and "config.json" not in names:
            raise ValueError(
                f"`overwrite` deletes the results of an earlier run; {self.path} holds "
                f"{min(names)}, but no config.json of a run. {WAY_OUT}"
            )
        for pattern in ("curves/*.npz", "checkpoints/*.npz", "metrics.json", "*.png"):
            self._remove(self.path.glob(pattern))

    def _remove(self, files: Iterator[Path]) -> None:
        for file in files:
            file.unlink(missing_ok=True)

    def _found(self) -> list[str]:
        """Return what is there of a run, this one's or another's."""
        arrays = ["arrays"] if any((self.path / "curves").iterdir()) else []
        return arrays + [name for name in _FILES if (self.path / name).exists()]

    def _check_same(self, found: list[str], resume: bool, may_differ: Collection[str]) -> None:
        """Raise ValueError if the results that are there are not those of this run."""
        if "config.json" not in found:
            raise ValueError(
                f"`out` must be a new folder; {self.path} holds {found[0]}, but no config.json "
                f"that says of what. {WAY_OUT}"
            )
        new = json.loads(_text(self._config))
        if not resume and (found != ["config.json"] or read_json(self.path / found[0]) != new):
            raise ValueError(
                f"`out` must be a new folder; {self.path} holds results. Pass --resume to continue "
                "them, --overwrite to delete them, or --out another/folder."
            )
        there = {name: read_json(self.path / name) for name in _FILES if name in found}
        old = there["config.json"]
        changed = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
        changed = [name for name in changed if name not in may_differ]
        if changed:
            raise ValueError(
                "`resume` continues a run with the configuration and the versions it was started "
                f"with; in {self.path} it differs in "
                + "; ".join(f"{k}: {old.get(k)} there, {new.get(k)} here" for k in changed)
                + f". {WAY_OUT}"
            )

    def write_json(self, name: str, content: Mapping[str, Any]) -> Path:
        """Write a JSON file and return its path.

        Raises:
          ValueError: if a number is NaN or infinite.
          OSError: if the file can't be written.
        """
        text = _text(content)
        with replacing(self.path / name) as file:
            file.write(text.encode())
        return self.path / name

    def unit_path(self, unit: str, folder: str = "curves") -> Path:
        """Return where the arrays of a unit lie; different units never share a file."""
        return self.path / folder / f"{quote(unit, safe='=,')}.npz"

    def load_unit(
        self,
        unit: str,
        names: Collection[str] = (),
        *,
        digest: str | None = None,
        folder: str = "curves",
    ) -> dict[str, np.ndarray] | None:
        """Return the arrays of a finished unit, or None if it is not finished.

        Args:
          unit: name of the unit.
          names: of arrays that must be among them.
          digest: of the settings that decide the unit, as given to `save_unit`.
          folder: "curves", or "checkpoints".

        Raises:
          ValueError: if the file can't be read, lacks some of `names`, or is of other settings.
        """
        path = self.unit_path(unit, folder)
        if not path.exists():
            return None
        again = "Delete it, and --resume measures it again."
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                found = dict(arrays)
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{path} is damaged ({error}). {again}") from error
        missing = sorted(set(names) - found.keys())
        if missing:
            raise ValueError(f"{path} lacks {', '.join(missing)}: it is not of this run. {again}")
        if digest is not None and str(found.pop(_DIGEST, "none")) != digest:
            raise ValueError(f"{path} is of other settings than this run's. {again}")
        return found

    def save_unit(
        self,
        unit: str,
        arrays: Mapping[str, np.ndarray],
        *,
        digest: str | None = None,
        folder: str = "curves",
    ) -> None:
        """Write the arrays of a finished unit, with the digest of the settings that decide it."""
        stamped = dict(arrays) | ({} if digest is None else {_DIGEST: np.asarray(digest)})
        if folder != "curves":
            with _told(self.path / folder):
                (self.path / folder).mkdir(exist_ok=True)
        with replacing(self.unit_path(unit, folder)) as file:
            np.savez_compressed(file, **stamped)  # type: ignore[arg-type]

    def drop_unit(self, unit: str, folder: str = "curves") -> None:
        """Delete the arrays of a unit, if they are there."""
        self.unit_path(unit, folder).unlink(missing_ok=True)


def digest(settings: Mapping[str, Any]) -> str:
    """Return a short text that is the same for equal settings alone (SHA-256 of their JSON)."""
    text = json.dumps(settings, sort_keys=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(config: Any) -> dict[str, Any]:
    """Return the fields of a configuration dataclass as JSON values."""

    def value(x: Any) -> Any:
        if isinstance(x, tuple | list):
            return [value(one) for one in x]
        return str(x) if isinstance(x, Path) else x

    return {name: value(x) for name, x in dataclasses.asdict(config).items()}


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that holds an object.

    Raises:
      ValueError: if the file can't be read, or holds something else; the message has its path.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise ValueError(f"{path} is damaged ({why}). {WAY_OUT}") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} is damaged (it holds a {type(content).__name__}, not an object). {WAY_OUT}"
        )
    return content


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` at the end, and leaves nothing after an error.

    The content is on the disk before it takes the place. The temporary name can't be guessed, and
    no two threads share it.

    Raises:
      OSError: if the file can't be written; the message has the path.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    with _told(path):
        try:
            # the mode leaves the file's permissions to the umask
            descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def _text(content: Mapping[str, Any]) -> str:
    try:
        return json.dumps(content, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        found = next(_unfit(content, ""), None)
        if found is None:
            raise
        raise ValueError(
            f"what is written must be JSON values; {found[0]} is {found[1]!r:.60}. Write lists in "
            "place of arrays, float(x) or int(x) for NumPy's numbers, and None where a number is "
            "undefined."
        ) from error


def _unfit(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield place and value of what JSON can't hold."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _unfit(one, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for i, one in enumerate(value):
            yield from _unfit(one, f"{place}[{i}]")
    else:
        finite = isinstance(value, float) and math.isfinite(value)
        if not finite and not isinstance(value, str | int | None):
            yield place, value


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Give an OSError a message that names the file and a way out."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(
            f"{path} could not be written ({why}). Make room or bring the folder back, then "
            "--resume; or pass --out another/folder."
        ) from error


def _sync_folder(path: Path) -> None:
    """Bring the folder's entries to the disk, on systems where folders can be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_LOCK = ".lock"


def _hold(path: Path) -> int | None:
    """Return an open file that keeps all others from the folder until it is closed.

    The system frees it when the process ends, however it ends.

    Raises:
      BlockingIOError: if another process, or another owner in this one, holds the folder.
    """
    descriptor = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        _lock(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError as error:
        os.close(descriptor)
        warnings.warn(
            f"{path} lies on a file system without locks ({error.strerror}): nothing keeps a "
            "second run from writing there too.",
            stacklevel=4,
        )
        return None
    return descriptor


def _lock(descriptor: int) -> None:
    """Lock an open file, or raise BlockingIOError."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError as error:
            raise BlockingIOError from error
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def versions() -> dict[str, str]:
    """Return the versions and the device that results depend on."""
    import jax

    found = {}
    for name in ("neurogain", "jax", "jaxlib", "optax", "flax", "numpy"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found | {"python": platform.python_version(), "device": jax.devices()[0].device_kind}
