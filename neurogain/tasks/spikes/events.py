"""Spikes from files: the Heidelberg sets SHD and SSC, binned a batch at a time.

Source: Cramer et al., IEEE Trans Neural Netw Learn Syst 33:2744 (2022), 10.1109/TNNLS.2020.3044364.
"""

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from neurogain import _checks
from neurogain._extras import extra

WHERE = (
    "Get shd_train.h5 and shd_test.h5, or ssc_train.h5, ssc_valid.h5 and ssc_test.h5, from "
    "https://zenkelab.org/datasets and unpack them."
)


class EventFile:
    """One split of a set in HDF5: `spikes/times` (s), `spikes/units` and `labels`, one an example.

    Only labels are read at once; spikes are read and binned when they are asked for.

    Attributes:
      labels: int32, (n,).
      units: number of channels.
      speakers: int32, (n,), or None where the file has none.

    Example:
      with EventFile("shd_train.h5") as shd:
          spikes = shd.batch(range(32), steps=100, dt=10.0)  # (32, 100, 700)
    """

    def __init__(self, path: str | Path, *, units: int = 700) -> None:
        """Open a file.

        Args:
          path: of the file.
          units: number of channels.

        Raises:
          FileNotFoundError: if there is no such file; the message says where to get it.
          ValueError: if the file has another layout, or labels below 0.
          MissingExtraError: if h5py is not installed.
        """
        with extra("events"):
            import h5py
        _checks.whole("units", units, 1)
        self.path, self.units = Path(path).expanduser(), units
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path} is no file. {WHERE}")
        try:
            self._file: Any = h5py.File(self.path, "r")
        except OSError as error:
            raise ValueError(f"{self.path} is no HDF5 file: {error}. {WHERE}") from None
        try:
            self._times, self._units, self.labels, self.speakers = self._read()
        except BaseException:
            self._file.close()
            raise

    def _read(self) -> tuple[Any, Any, np.ndarray, np.ndarray | None]:
        found = [self._file.get(name) for name in ("spikes/times", "spikes/units", "labels")]
        if any(x is None or not hasattr(x, "shape") for x in found):
            raise ValueError(
                f"{self.path} must have spikes/times, spikes/units and labels; it has "
                f"{', '.join(self._file) or 'nothing'}. {WHERE}"
            )
        shapes, ragged = [x.shape for x in found], [x.dtype.kind == "O" for x in found]
        if [len(shape) for shape in shapes] != [1, 1, 1] or ragged != [True, True, False]:
            raise ValueError(
                f"{self.path} must have one array of times and one of units, of any length, and "
                f"one label an example; got shapes {', '.join(map(str, shapes))} of "
                f"{', '.join(str(x.dtype) for x in found)}. {WHERE}"
            )
        lengths = [shape[0] for shape in shapes]
        if len(set(lengths)) > 1 or not lengths[0]:
            raise ValueError(
                f"{self.path} must have as many times, units and labels, and some; got "
                f"{', '.join(map(str, lengths))}. {WHERE}"
            )
        labels = self._whole("labels", np.asarray(found[2]), lengths[0])
        speakers = self._file.get("extra/speaker")
        if speakers is not None:
            speakers = self._whole("speakers", np.asarray(speakers), lengths[0])
        return found[0], found[1], labels, speakers

    def _whole(self, what: str, values: np.ndarray, n: int) -> np.ndarray:
        """Return one whole number an example, of 32 bits; raise a ValueError for others."""
        known = values.dtype.kind in "iu" and values.shape == (n,)
        if not known or values.min() < 0 or values.max() > np.iinfo(np.int32).max:
            ends = f" from {values.min()} to {values.max()}" if known else ""
            raise ValueError(
                f"{what} of {self.path} must be {n} whole numbers of 32 bits from 0 on, one an "
                f"example; got {values.dtype} of shape {values.shape}{ends}. {WHERE}"
            )
        return values.astype(np.int32)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.labels)

    @property
    def classes(self) -> int:
        """Return the number of classes, the largest label + 1."""
        return int(self.labels.max()) + 1

    def batch(self, indices: Any, *, steps: int, dt: float) -> np.ndarray:
        """Return the number of spikes in each step and channel.

        Args:
          indices: of the examples, whole numbers, (n,).
          steps: of each; spikes behind the last are left out.
          dt: ms, a step.

        Returns:
          uint8, (number of indices, steps, units), 255 at most.

        Raises:
          TypeError: if indices are no whole numbers.
          IndexError: if an index is out of range.
          ValueError: if the file is closed, if a spike has a unit out of range or a time that is
            negative or no number, or if all spikes of all these examples are behind the last step.

        """
        _checks.whole("steps", steps, 1)
        _checks.positive("dt", dt, "ms", "10.0")
        if not self._file:
            raise ValueError(f"{self.path} is closed; open it again, EventFile(path).")
        whole = _checks.to_numbers(indices)
        empty = whole is not None and whole.shape == (0,)
        if whole is None or whole.ndim != 1 or not (whole.dtype.kind in "iu" or empty):
            raise TypeError(
                f"`indices` must be a sequence of whole numbers; got {indices!r:.100}. Pass [0], "
                "or np.flatnonzero(mask)."
            )
        behind = 0
        result = np.zeros((len(whole), steps, self.units), np.uint8)
        for row, index in enumerate(whole.tolist()):
            if not 0 <= index < len(self):
                raise IndexError(
                    f"`indices` must be from 0 to {len(self) - 1}, in {self.path}; got {index!r}."
                )
            times = np.asarray(self._times[index], np.float64) * 1000  # float16 in the files
            units = np.asarray(self._units[index])
            if times.shape != units.shape:
                raise ValueError(
                    f"example {index} of {self.path} must have as many times as units; got "
                    f"{len(times)} and {len(units)}."
                )
            if units.dtype.kind not in "iu":
                raise ValueError(
                    f"units of example {index} of {self.path} must be whole numbers; got "
                    f"{units.dtype}. {WHERE}"
                )
            if len(units) and not (units.min() >= 0 and units.max() < self.units):
                raise ValueError(
                    f"units of example {index} of {self.path} must be from 0 to {self.units - 1}; "
                    f"got {units.min()} to {units.max()}. An EventFile takes units="
                    f"{int(units.max()) + 1}; shd and ssc have 700."
                )
            if not np.all((times >= 0) & (times < np.inf)):
                raise ValueError(
                    f"times of example {index} of {self.path} must be finite and >= 0, in s; got "
                    f"{times[~((times >= 0) & (times < np.inf))][0] / 1000:g}."
                )
            inside = np.floor(times / dt) < steps  # which may be more than an integer can be
            step = np.floor(times[inside] / dt).astype(int)
            behind += int((~inside).sum())
            where = step * self.units + units[inside].astype(int)
            counts = np.bincount(where, minlength=steps * self.units)
            result[row] = np.minimum(counts, 255).reshape(steps, self.units)
        if behind and not result.any():
            raise ValueError(
                f"no spike of {len(whole)} examples of {self.path} lies within {steps} steps of "
                f"{dt:g} ms; times must be in s. Divide them by 1000 if they are in ms."
            )
        return result

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "EventFile":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()
