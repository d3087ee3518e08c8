"""Runs in the peers' own environment: takes lines [folder, folder] of JSON, answers each with a line of scores.

Each peer compares as its own command line does; what it takes from one model is kept for that model's other pairs.
"""

import functools
import json
import logging
import sys
from collections.abc import Callable


def provenance_kit() -> Callable[[str, str], dict[str, float | str]]:
    """`provenancekit compare --no-cache`: the final score and decision, and the score of the weights alone."""
    import structlog  # noqa: PLC0415 - these packages are in the peers' environment alone
    from provenancekit import ModelProvenanceScanner  # noqa: PLC0415
    from provenancekit.services.cache import NullCache  # noqa: PLC0415

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    scanner = ModelProvenanceScanner(cache=NullCache())
    scanner._extract_model = functools.cache(scanner._extract_model)  # noqa: SLF001 - compare() would read each again

    def compare(a: str, b: str) -> dict[str, float | str]:
        scores = scanner.compare(a, b).scores
        return {
            "kit": scores.pipeline_score,
            "kit_identity": scores.identity_score or 0.0,  # none where no signal compares
            "kit_verdict": scores.provenance_decision,
        }

    return compare


def modeldna() -> Callable[[str, str], dict[str, float | str]]:
    """`modeldna compare`: the probability that the first is derived from the second, 0 where it abstains."""
    from modeldna.compare import compare_fingerprints  # noqa: PLC0415
    from modeldna.fingerprint.extract import extract_fingerprint  # noqa: PLC0415
    from modeldna.io.source import open_source  # noqa: PLC0415
    from modeldna.verdict import judge  # noqa: PLC0415

    @functools.cache
    def fingerprint(folder: str):  # noqa: ANN202 - a type of the peers' environment
        return extract_fingerprint(open_source(folder), mode="fast", model_id=folder)

    def compare(a: str, b: str) -> dict[str, float | str]:
        suspect, candidate = fingerprint(a), fingerprint(b)
        verdict = judge(
            [(compare_fingerprints(suspect, candidate), b)],
            suspect_dtype=suspect.arch.torch_dtype,
            candidate_dtypes={b: candidate.arch.torch_dtype},
        )
        return {"modeldna": verdict.probability or 0.0, "modeldna_verdict": verdict.verdict.value}

    return compare


def main() -> None:
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    peers = [provenance_kit(), modeldna()]
    for line in sys.stdin:
        a, b = json.loads(line)
        found = {name: value for compare in peers for name, value in compare(a, b).items()}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
