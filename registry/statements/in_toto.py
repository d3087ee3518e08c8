"""An in-toto Statement v1 about a model's weights, with a predicate of ours."""

from typing import Any

from registry.statements.predicate import TYPE, Stamp, predicate
from registry.workflows.account import Account

STATEMENT = "https://in-toto.io/Statement/v1"
WEIGHTS = "weightsSha256"
"""The key of a digest over the digests of all weights: no file has it."""


def statement(account: Account, made: Stamp) -> dict[str, Any]:
    """Return a statement whose subjects are the weights, and their files where these were read."""
    weights = {"name": account.name, "digest": {WEIGHTS: account.digest}}
    files = [{"name": file.name, "digest": {"sha256": file.sha256}} for file in account.files]
    return {
        "_type": STATEMENT,
        "subject": [weights, *files],
        "predicateType": TYPE,
        "predicate": predicate(account, made),
    }
