"""A fingerprint as JSON, every number of it, and back: what `registry fingerprint -o` writes.

Floats are written as the shortest decimals that read back equal, so that the record which is read
equals the one that was written. Nothing of what is read is taken on trust: types, lengths and
ranges are checked.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from registry.architectures.ledger_line import Fate
from registry.architectures.roles import PROJECTIONS
from registry.errors import BrokenFingerprintFile, FingerprintVersionDiffers
from registry.fingerprints.digest_lines import implied_digest
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import RANKS, VERSION, Fingerprint, Matrix, Tensor

FORMAT = 1
"""Of this serialisation; the fingerprint has a version of its own."""
FATES = frozenset(Fate)
SHA256 = re.compile(r"[0-9a-f]{64}")
SKETCH_NUMBERS = dict.fromkeys(PROJECTIONS, 36) | {"query": 324, "value": 324}
BRANCH_NUMBERS = 256
OWN_NUMBERS = 576
SPACE_NUMBERS = 136
START_NUMBERS = 256
TENSOR_NUMBERS = 16
LARGEST_NUMBER = 1e100  # far above what weights give; squares and products of it are finite
LARGEST_COUNT = 2**63 - 1


class Malformed(Exception):  # noqa: N818  # never leaves this module
    """Something in the JSON is not what the record needs; the message says where and what."""


# --- writing ---


def to_json(fingerprint: Fingerprint) -> dict[str, Any]:
    """Return all of a fingerprint as JSON holds it: the key `record` of a written file."""
    record = encoded(fingerprint)
    for vector in (record["std"], *(each["vector"] for each in record["clusterings"])):
        for position, projection in enumerate(PROJECTIONS):
            if projection not in fingerprint.projections:
                vector[position] = None
    return {"format": FORMAT, "fingerprint": record}


def encoded(value: Any) -> Any:
    """Return a record as an object with a key a field, a tuple as an array, all else unchanged."""
    if is_dataclass(value):
        return {field.name: encoded(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        holds_records = bool(value) and is_dataclass(value[0])
        return [encoded(item) for item in value] if holds_records else list(value)
    return value


# --- reading ---


def from_json(content: Any, path: str) -> Fingerprint:
    """Return the fingerprint that a file holds.

    Args:
        content: Its JSON.
        path: Named where the file is at fault.

    Raises BrokenFingerprintFile, and FingerprintVersionDiffers where it was written for another
    comparison.
    """
    try:
        record = content_of(content)
        check_version(record, path)
        fingerprint = decoded(Fingerprint, record, "the fingerprint")
        check(fingerprint)
    except Malformed as exc:
        raise BrokenFingerprintFile(path=path, reason=str(exc)) from exc
    return fingerprint  # type: ignore[no-any-return]  # decoded() gives what it is asked for


def content_of(content: Any) -> dict[str, Any]:
    """Return the fields of the fingerprint out of the whole file. Raises Malformed."""
    if not isinstance(content, dict):
        raise Malformed("it is not a JSON object")
    record = content.get("record")
    if not isinstance(record, dict):
        raise Malformed("it has no key 'record'")
    if record.get("format") != FORMAT:
        raise Malformed(f"its record has the format {record.get('format')!r}, not {FORMAT}")
    fingerprint = record.get("fingerprint")
    if not isinstance(fingerprint, dict):
        raise Malformed("its record has no fingerprint")
    return fingerprint


def check_version(record: dict[str, Any], path: str) -> None:
    """Raise FingerprintVersionDiffers where the numbers are not comparable with this version's."""
    version = record.get("version")
    if type(version) is int and version != VERSION:
        raise FingerprintVersionDiffers(path=path, version=version, expected=VERSION)


def decoded(kind: Any, value: Any, place: str) -> Any:
    """Return a JSON value as a field's declared type. Raises Malformed, naming the place."""
    if isinstance(kind, type) and is_dataclass(kind):
        return decoded_record(kind, value, place)
    if kind is ProjectionVector:
        numbers = decoded_tuple(float | None, value, place)  # null for one that was not found
        check_length(place, numbers, len(PROJECTIONS))
        return ProjectionVector(*(number or 0.0 for number in numbers))
    if get_origin(kind) is tuple:
        return decoded_tuple(get_args(kind)[0], value, place)
    if isinstance(kind, UnionType):
        [other] = [option for option in get_args(kind) if option is not NoneType]
        return None if value is None else decoded(other, value, place)
    return DECODERS[kind](value, place)


def decoded_record(kind: Any, value: Any, place: str) -> Any:
    """Return a record; fields with a default may be missing, unknown keys may not be there."""
    if not isinstance(value, dict):
        raise Malformed(f"{place} is not an object")
    types = types_of(kind)
    unknown = sorted(set(value) - set(types))
    if unknown:
        raise Malformed(f"{place} has the unknown key {unknown[0]!r}")
    values = {}
    for field in fields(kind):
        if field.name in value:
            values[field.name] = decoded(types[field.name], value[field.name], field.name)
        elif required(field):
            raise Malformed(f"{place} lacks {field.name!r}")
    return kind(**values)


def required(field: "Field[Any]") -> bool:
    """Return whether a field has no default."""
    return field.default is MISSING and field.default_factory is MISSING


@cache
def types_of(kind: type) -> dict[str, Any]:
    """Return the declared type of every field of a record."""
    return get_type_hints(kind)


def decoded_tuple(item: Any, value: Any, place: str) -> tuple[Any, ...]:
    """Return an array as a tuple of one type."""
    if not isinstance(value, list):
        raise Malformed(f"{place} is not an array")
    if item is float and set(map(type, value)) == {float} and all(map(math.isfinite, value)):
        check_magnitude(place, max(map(abs, value)))
        return tuple(value)  # nearly all of a fingerprint: ten times as fast as one by one
    return tuple(decoded(item, entry, place) for entry in value)


def decoded_float(value: Any, place: str) -> float:
    """Return a finite number; one that another program wrote without its point is a number too."""
    if type(value) not in (float, int) or not abs(value) < math.inf:
        raise Malformed(f"{place} holds {value!r:.40}, which is not a finite number")
    check_magnitude(place, abs(value))
    return float(value)


def check_magnitude(place: str, magnitude: float) -> None:
    """Raise Malformed for a number so large that a comparison would overflow."""
    if magnitude > LARGEST_NUMBER:
        raise Malformed(f"{place} holds a number above {LARGEST_NUMBER:.0e}, which no weights give")


def decoded_integer(value: Any, place: str) -> int:
    """Return a whole number that is not negative: counts, places, shapes and labels are."""
    if type(value) is not int or not 0 <= value <= LARGEST_COUNT:
        raise Malformed(f"{place} holds {value!r:.40}, which is not a count")
    return value


def decoded_text(value: Any, place: str) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise Malformed(f"{place} holds {value!r:.40}, which is not a text")
    return value


def decoded_truth(value: Any, place: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise Malformed(f"{place} holds {value!r:.40}, which is not true or false")
    return value


DECODERS: dict[Any, Callable[[Any, str], Any]] = {
    bool: decoded_truth,
    float: decoded_float,
    int: decoded_integer,
    str: decoded_text,
}


# --- what the parts must have in common ---


def check(fingerprint: Fingerprint) -> None:
    """Raise Malformed where parts do not fit together, before a comparison stumbles over them."""
    demand(SHA256.fullmatch(fingerprint.digest), "digest is not a SHA-256")
    demand(fingerprint.rank in RANKS, f"rank is {fingerprint.rank}, not one of {RANKS}")
    demand(fingerprint.matrices, "matrices is empty")
    check_projections(fingerprint)
    check_clusterings(fingerprint)
    for matrix in fingerprint.matrices:
        check_matrix(matrix, fingerprint.rank)
    check_sketches(fingerprint)
    for tensor in fingerprint.tensors:
        check_tensor(tensor)
    demand(implied_digest(fingerprint) in (None, fingerprint.digest), "digest does not follow")
    for line in fingerprint.ledger:
        demand(line.fate in FATES, f"the ledger has the unknown fate {line.fate!r}")


def demand(condition: object, otherwise: str) -> None:
    """Raise Malformed with a reason unless the condition holds."""
    if not condition:
        raise Malformed(otherwise)


def check_projections(fingerprint: Fingerprint) -> None:
    """Check the names of the projections and the vector over them."""
    demand(set(fingerprint.projections) <= set(PROJECTIONS), "projections has an unknown name")
    demand(min(fingerprint.std) >= 0 < max(fingerprint.std), "std is not positive")


def check_clusterings(fingerprint: Fingerprint) -> None:
    """Check that there is a clustering of every rank, with a label of every matrix."""
    count = len(fingerprint.matrices)
    ranks = [clustering.rank for clustering in fingerprint.clusterings]
    expected = [rank for rank in RANKS if rank <= fingerprint.rank]
    demand(ranks == expected, f"clusterings are of the ranks {ranks}, not {expected}")
    for clustering in fingerprint.clusterings:
        check_length("labels", clustering.labels, count)
        check_length("labels3", clustering.labels3, count)
        demand({0, 1}.issuperset(clustering.labels), "labels has one that is not 0 or 1")
        demand({0, 1, 2}.issuperset(clustering.labels3), "labels3 has one that is not 0, 1 or 2")
        undetermined = clustering.undetermined or ()
        demand(max(undetermined, default=0) < count, "undetermined names a matrix too many")


def check_matrix(matrix: Matrix, rank: int) -> None:
    """Check one matrix: its projection, its digest, and how many singular values it has."""
    place = f"the matrix {matrix.tensor!r}"
    demand(matrix.projection in PROJECTIONS, f"{place} is of no known projection")
    demand(SHA256.fullmatch(matrix.digest), f"{place} has a digest that is not a SHA-256")
    count = min(rank, matrix.rows, matrix.cols)
    demand(count > 0, f"{place} is empty")
    spectrum = matrix.singular_values
    demand(0 < len(spectrum) <= count, f"{place} has {len(spectrum)} singular values")
    falling = all(value >= after for value, after in pairwise(spectrum))
    demand(falling and spectrum[-1] >= 0, f"{place} has singular values that do not fall")
    check_length("bounds", matrix.bounds, len(spectrum))
    check_length("sketch", matrix.sketch, SKETCH_NUMBERS[matrix.projection])


def check_sketches(fingerprint: Fingerprint) -> None:
    """Check that every sketch has the numbers that its kind has."""
    for branch in fingerprint.branches:
        demand(branch.branch in ("attention", "mlp"), f"{branch.branch!r} is no branch")
        check_length("stream", branch.stream, BRANCH_NUMBERS)
        check_length("token", branch.token, BRANCH_NUMBERS)
        check_length("own", branch.own, OWN_NUMBERS)
        check_length("scores", branch.scores, OWN_NUMBERS)
    for space in fingerprint.spaces:
        demand(space.side in ("reads", "writes"), f"{space.side!r} is no side")
        check_length("sketch", space.sketch, SPACE_NUMBERS)
    check_length("start", fingerprint.start, START_NUMBERS)


def check_tensor(tensor: Tensor) -> None:
    """Check a tensor outside the projections: its group, its digests, its length and sketch."""
    place = f"the tensor {tensor.name!r}"
    demand(tensor.group, f"{place} is of no group")
    demand(SHA256.fullmatch(tensor.digest), f"{place} has a digest that is not a SHA-256")
    if tensor.cast_digest is not None:
        whole = SHA256.fullmatch(tensor.cast_digest)
        demand(whole, f"{place} has a cast_digest that is not a SHA-256")
    demand(tensor.length >= 0, f"{place} has a length below zero")
    check_length("sketch", tensor.sketch, TENSOR_NUMBERS)


def check_length(name: str, numbers: Sequence[Any] | None, length: int) -> None:
    """Check the length of an array; None stands for one that was not recorded."""
    if numbers is not None and len(numbers) != length:
        raise Malformed(f"{name} has {len(numbers)} entries, not {length}")
