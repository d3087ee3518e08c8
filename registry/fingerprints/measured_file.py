"""What was measured of a part of a checkpoint as the bytes of a file, and back, bit for bit.

A line with the SHA-256 of the rest stands first, then an archive of numpy's without pickles: the
arrays, and JSON as an array of bytes. Floats of records are JSON's shortest decimals that read back
equal, those of moments hexadecimal.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from registry.fingerprints.branch_sketches import BranchSide
from registry.fingerprints.digests import OtherTensor, TensorDigests
from registry.fingerprints.matrix import MeasuredMatrix
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.parts import Measured, Part
from registry.fingerprints.record import Matrix
from registry.fingerprints.serialised import encoded
from registry.fingerprints.wanted import WantedTensor
from registry.numerics.arrays import as_array
from registry.numerics.flat_sketches import FlatSketch
from registry.numerics.moments import Moments

HEAD = re.compile(rb"registry-measured 1 ([0-9a-f]{64})\n")
JSON_MEMBER = "json"


class Unusable(Exception):  # noqa: N818  # never leaves this room
    """A file is damaged, or of something else; the message says how."""


def packed(part: Part, results: Sequence[Measured]) -> bytes:
    """Return the file of what was measured of a part."""
    arrays: dict[str, np.ndarray] = {}
    rows = []
    for number, measured in enumerate(results):
        if isinstance(measured, OtherTensor):
            rows.append(row_of_other(measured))
        else:
            rows.append(row_of_matrix(measured))
            for name, array in arrays_of(measured).items():
                arrays[f"{number}.{name}"] = array

    text = json.dumps({"part": part.number, "results": rows}).encode()
    arrays[JSON_MEMBER] = np.frombuffer(text, np.uint8)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    content = stream.getvalue()
    return f"registry-measured 1 {checksum(content)}\n".encode() + content


def unpacked(data: bytes, part: Part) -> list[Measured]:
    """Return what a file holds of a part. Raises Unusable."""
    head = HEAD.match(data)
    if head is None:
        raise Unusable("it is no file of measured tensors")
    content = data[head.end() :]
    if checksum(content).encode() != head[1]:
        raise Unusable("its checksum does not fit")

    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            stored = json.loads(arrays[JSON_MEMBER].tobytes())
            results = results_from(stored["results"], arrays, part)
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as exc:
        raise Unusable(f"it is not of this form: {exc}") from exc
    if stored["part"] != part.number or len(results) != part.results:
        raise Unusable("it is of another part")
    return results


def checksum(content: bytes) -> str:
    """Return the SHA-256 of what stands below the first line."""
    return hashlib.sha256(content).hexdigest()


def results_from(rows: Sequence[dict[str, Any]], arrays: Any, part: Part) -> list[Measured]:
    """Return the results of a part. Raises KeyError, TypeError and ValueError."""
    wanted = {tensor.entry.name: tensor for tensor in part.tensors}
    results: list[Measured] = []
    for number, row in enumerate(rows):
        tensor = wanted[row["tensor"]]
        if "matrix" in row:
            results.append(matrix_from(row, tensor, ArraysOf(arrays, number)))
        else:
            results.append(other_from(row, tensor))
    return results


class ArraysOf:
    """The arrays of one result."""

    def __init__(self, arrays: Any, number: int) -> None:
        """Take an archive, and the result's number in it."""
        self._arrays = arrays
        self._number = number

    def __getitem__(self, name: str) -> np.ndarray:
        """Return one that must be there. Raises KeyError."""
        array: np.ndarray = self._arrays[f"{self._number}.{name}"]
        return array

    def get(self, name: str) -> np.ndarray | None:
        """Return one, or None."""
        return self[name] if f"{self._number}.{name}" in self._arrays else None


# --- tensors that are no projection ---


def row_of_other(other: OtherTensor) -> dict[str, Any]:
    """Return what JSON holds of a tensor that is no projection."""
    return {
        "tensor": other.entry.name,
        "digest": other.digests.digest,
        "cast_digest": other.digests.cast_digest,
        "length": other.sketch.length,
        "sums": list(other.sketch.sums),
    }


def other_from(row: dict[str, Any], tensor: WantedTensor) -> OtherTensor:
    """Return a tensor that is no projection."""
    digests = TensorDigests(row["digest"], row["cast_digest"])
    return OtherTensor(tensor.entry, digests, FlatSketch(row["length"], tuple(row["sums"])))


# --- matrices ---


def row_of_matrix(matrix: MeasuredMatrix) -> dict[str, Any]:
    """Return what JSON holds of a matrix."""
    return {
        "tensor": matrix.place.tensor_name,
        "index": matrix.place.index,
        "matrix": encoded(matrix.record),
        "moments": row_of_moments(matrix.moments),
        "side": None if matrix.side is None else row_of_side(matrix.side),
    }


def arrays_of(matrix: MeasuredMatrix) -> dict[str, np.ndarray]:
    """Return the arrays of a matrix by name."""
    arrays = {"gram": as_array(matrix.gram)}
    if matrix.start is not None:
        arrays["start"] = matrix.start
    if matrix.histogram is not None:
        arrays["histogram"] = matrix.histogram
    if matrix.side is not None:
        arrays["packed"] = matrix.side.packed
        arrays["lengths"] = matrix.side.lengths
    return arrays


def matrix_from(row: dict[str, Any], tensor: WantedTensor, arrays: ArraysOf) -> MeasuredMatrix:
    """Return a matrix. Raises KeyError, TypeError and ValueError."""
    if tensor.projections is None:
        raise ValueError(f"{tensor.entry.name!r} holds no projection")
    record: dict[str, Any] = {}
    for name, value in row["matrix"].items():
        record[name] = tuple(value) if isinstance(value, list) else value
    return MeasuredMatrix(
        place=MatrixPlace(tensor.projections, row["index"]),
        record=Matrix(**record),
        moments=moments_from(row["moments"]),
        gram=arrays["gram"],
        side=side_from(row["side"], arrays),
        start=arrays.get("start"),
        histogram=arrays.get("histogram"),
    )


def row_of_moments(moments: Moments) -> dict[str, Any]:
    """Return moments as JSON holds them; the sums have thousands of bits."""
    return {
        "count": moments.count,
        "sums": [hex(power_sum) for power_sum in moments.sums],
        "min": float(moments.min).hex(),
        "max": float(moments.max).hex(),
        "nonfinite": moments.nonfinite,
    }


def moments_from(row: dict[str, Any]) -> Moments:
    """Return moments. Raises KeyError, TypeError and ValueError."""
    return Moments(
        count=row["count"],
        sums=tuple(int(power_sum, 16) for power_sum in row["sums"]),
        min=float.fromhex(row["min"]),
        max=float.fromhex(row["max"]),
        nonfinite=row["nonfinite"],
    )


def row_of_side(side: BranchSide) -> dict[str, Any]:
    """Return what JSON holds of one side of a branch."""
    return {
        "layer": side.layer,
        "branch": side.branch,
        "expert": side.expert,
        "outward": side.outward,
        "tensor": side.tensor,
        "scale": side.scale,
    }


def side_from(row: dict[str, Any] | None, arrays: ArraysOf) -> BranchSide | None:
    """Return one side of a branch. Raises KeyError and TypeError."""
    if row is None:
        return None
    return BranchSide(**row, packed=arrays["packed"], lengths=arrays["lengths"])
