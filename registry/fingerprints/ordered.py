"""All tensors of a checkpoint measured, each once, and given out in the order of the files."""

from collections.abc import Iterator, Sequence
from contextlib import closing

from registry.fingerprints.kept_parts import KeptParts
from registry.fingerprints.meter import Meter
from registry.fingerprints.parts import Measured, Part, part_by_part
from registry.fingerprints.progress import Reports, measured, work_of
from registry.fingerprints.wanted import WantedTensor
from registry.notices import MeasuringGoesOn, notify


def in_order(
    meter: Meter,
    parts: Sequence[Part],
    reports: Reports,
    kept: KeptParts | None,
    *,
    remote: bool,
) -> Iterator[Measured]:
    """Yield what is measured of every tensor, in the order of the files.

    Args:
        kept: Where parts are taken from that were measured before, and where others are put as
            soon as they are complete; None to keep nothing.
        remote: Whether tensors come over a network.
    """
    known = set() if kept is None else kept.usable(parts)
    if kept is not None and known:
        notify(MeasuringGoesOn(source=kept.source, done=len(known), total=len(parts)))
        before = tensors_of([part for part in parts if part.number in known])
        reports.add(sum(map(work_of, before)))
    rest = [part for part in parts if part.number not in known]
    coming = tensors_of(rest)
    fresh = meter.measure(coming, measured(reports, coming), remote=remote)
    with closing(part_by_part(rest, fresh)) as in_turn:
        for part in parts:
            results = kept.load(part) if kept is not None and part.number in known else None
            if results is None and part.number in known:  # another command has removed it since
                results = measured_now(meter, part, remote=remote)
            elif results is None:
                _, results = next(in_turn)
                if kept is not None:
                    kept.save(part, results)
            yield from results
        next(in_turn, None)  # for the last tensors to be reported


def measured_now(meter: Meter, part: Part, *, remote: bool) -> list[Measured]:
    """Measure one part."""
    results = meter.measure(part.tensors, lambda *_: None, remote=remote)
    [(_, in_file_order)] = part_by_part([part], results)
    return in_file_order


def tensors_of(parts: Sequence[Part]) -> list[WantedTensor]:
    """Return the tensors of some parts, in order."""
    return [tensor for part in parts for tensor in part.tensors]
