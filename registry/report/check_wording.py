"""English for verdicts as checks of a pipeline: a part of wording.py. Pure."""

from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.lineage.claim_check import ClaimOutcome
from registry.lineage.claim_check import Outcome as Claim
from registry.lineage.verdict import Verdict
from registry.report.checks import Check, Outcome
from registry.report.claim_wording import card_headline, shown, value_of
from registry.report.wording import headline, verdict_lines

if TYPE_CHECKING:
    from registry.database.keeping.runs import Job
    from registry.workflows.card_check import CheckedCard

CLAIMS = {
    Claim.CONSISTENT: Outcome.PASSED,
    Claim.CONTRADICTED: Outcome.FAILED,
    Claim.UNDECIDABLE: Outcome.OPEN,
}
TITLES = {
    Outcome.PASSED: "registry: a base is named",
    Outcome.OPEN: "registry: no base is named",
    Outcome.BROKEN: "registry: not read",
}
CLAIMED = "that {source} comes from {base} is {outcome}"
STATES = {"done": Outcome.PASSED, "failed": Outcome.BROKEN}


def identified(source: str, verdict: Verdict, seconds: float = 0.0) -> Check:
    """Return the check whether a registered model is named."""
    outcome = Outcome.OPEN if verdict.model is None else Outcome.PASSED
    message = "; ".join([f"{source}: {headline(verdict)}", *verdict_lines(verdict)])
    return Check(source, outcome, TITLES[outcome], message, file_of(source), seconds=seconds)


def refused(source: str, error: RegistryError, seconds: float = 0.0) -> Check:
    """Return the check of a source that could not be read."""
    title = TITLES[Outcome.BROKEN]
    return Check(source, Outcome.BROKEN, title, str(error), file_of(source), seconds=seconds)


def verified(source: str, base: str, claim: Claim, verdict: Verdict) -> Check:
    """Return the check of a claimed base."""
    title = f"registry: {claim}"
    sentence = CLAIMED.format(source=source, base=base, outcome=claim)
    message = "; ".join([sentence, headline(verdict), *verdict_lines(verdict)])
    return Check(source, CLAIMS[claim], title, message, file_of(source))


def card_checks(checked: "CheckedCard", card: str, line: int | None) -> list[Check]:
    """Return the checks of a card: one of each claim that is contradicted, else one of the card."""
    file = from_here(Path(card))
    checks = []
    for claim in checked.claims:
        if claim.outcome is ClaimOutcome.CONTRADICTED:
            title = f"registry: {claim.claim.claim} is contradicted"
            sentence = f"{claim.claim.made_by}: {value_of(claim)}; the weights show: {shown(claim)}"
            checks.append(Check(checked.name, Outcome.FAILED, title, sentence, file, line))
    if checks:
        return checks
    title = f"registry: {checked.outcome}"
    message = f"{card_headline(checked.outcome, card)}; {headline(checked.verdict)}"
    return [Check(checked.name, CLAIMS[checked.outcome], title, message, file, line)]


def job_check(job: "Job") -> Check:
    """Return the check of one source of a run: whether it was stored."""
    outcome = STATES.get(job.state, Outcome.OPEN)
    words = [job.outcome, job.model, job.error, job.reason]
    message = "; ".join(word for word in words if word)
    title = job.error or job.state
    return Check(job.source, outcome, title, message, file_of(job.source), seconds=job.seconds)


def from_here(path: Path) -> str:
    """Return a path as a pipeline knows it: from the folder in which it runs, where it is below."""
    place = path.absolute()
    return str(place.relative_to(Path.cwd())) if place.is_relative_to(Path.cwd()) else str(path)


def file_of(source: str) -> str | None:
    """Return the file that an annotation is shown at: of a folder its card or config, if any."""
    path = Path(source)
    try:
        if path.is_dir():
            inside = [path / name for name in ("README.md", "config.json")]
            present = [file for file in inside if file.is_file()]
            return from_here(present[0]) if present else None
        return from_here(path) if path.is_file() else None
    except (OSError, ValueError):
        return None
