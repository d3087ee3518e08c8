"""What is wrong with the database, in English."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from registry.database.keeping.ailments import Ailment, Finding

HEALTHY = "nothing is wrong"
WRONG = {
    Ailment.FOLDER_OPEN: "the data folder {subject} can be entered by others (mode {detail})",
    Ailment.FOLDER_OF_ANOTHER: "the data folder {subject} belongs to user {detail}",
    Ailment.NO_LOCKS: "file locks do not work in {subject}, as on some network disks",
    Ailment.DISK_FULL: "the disk of {subject} has {detail} left",
    Ailment.HALF_MADE: "{subject} is a database that was never finished",
    Ailment.SOCKETS_LEFT: "{subject} was left behind by a server that has gone",
    Ailment.NO_KEEPER: "the server, process {subject}, has nobody to stop it",
    Ailment.NOT_SERVING: "the server, process {subject}, runs and takes no connections",
    Ailment.NOT_UP: "the server of {subject} was started to stay, and has gone",
    Ailment.UNUSABLE: "the database cannot be used: {detail}",
    Ailment.TABLES_DIFFER: "{subject} is missing, which this version of the schema has",
    Ailment.EXTENSION_BEHIND: "the extension {subject} is older than its library ({detail})",
    Ailment.INDEX_INVALID: "the index {subject} was never finished",
    Ailment.MODEL_HALF: "the model {subject} lacks some of its rows",
    Ailment.FAMILY_EMPTY: "the family {subject} has no models",
    Ailment.SESSION_IDLE: "{subject}, has kept a transaction open for {detail}",
    Ailment.VERSION_OLD: "{detail} fingerprints of version {subject} are not compared",
    Ailment.WAITING: "the fingerprint in {subject} waits to be stored",
    Ailment.WAITING_BROKEN: "a fingerprint that waits cannot be stored: {detail}",
}
MENDED = {
    Ailment.FOLDER_OPEN: "closed",
    Ailment.HALF_MADE: "removed",
    Ailment.SOCKETS_LEFT: "removed",
    Ailment.NO_KEEPER: "it has a keeper again",
    Ailment.NOT_SERVING: "stopped; the next command starts it",
    Ailment.NOT_UP: "started",
    Ailment.EXTENSION_BEHIND: "updated",
    Ailment.INDEX_INVALID: "built anew",
    Ailment.FAMILY_EMPTY: "removed",
}
REMEDIES = {
    Ailment.FOLDER_OF_ANOTHER: "set REGISTRY_DATA_DIR to a folder of your own",
    Ailment.NO_LOCKS: "set REGISTRY_DATA_DIR to a folder on a local disk",
    Ailment.DISK_FULL: "make room, or set REGISTRY_DATA_DIR to a folder elsewhere",
    Ailment.TABLES_DIFFER: "restore the database from a whole dump, or ingest into an empty one",
    Ailment.MODEL_HALF: "remove it and ingest it again",
    Ailment.SESSION_IDLE: "end it, if others wait for it",
    Ailment.VERSION_OLD: "run `registry upgrade`",
    Ailment.WAITING: "run `registry flush`",
}
RUN_AGAIN = "run `registry db doctor` without --dry-run"


def finding_line(finding: Finding) -> str:
    """Return what is wrong, and what was done or is to do about it."""
    wrong = WRONG[finding.ailment].format(subject=finding.subject, detail=finding.detail)
    if finding.mended:
        return f"{wrong}: {MENDED[finding.ailment]}"
    if finding.ailment in MENDED:
        return f"{wrong}: {RUN_AGAIN}"
    if finding.ailment in REMEDIES:
        return f"{wrong}: {REMEDIES[finding.ailment]}"
    return wrong


def findings_lines(findings: Sequence[Finding]) -> list[str]:
    """Return a line for everything that is wrong, or that nothing is."""
    return [finding_line(finding) for finding in findings] or [HEALTHY]


def findings_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return all findings, and whether everything is well now."""
    rows = []
    for finding in findings:
        content = {**asdict(finding), "ailment": finding.ailment.value}
        rows.append({**content, "sentence": finding_line(finding)})
    return {"healthy": all(finding.mended for finding in findings), "findings": rows}
