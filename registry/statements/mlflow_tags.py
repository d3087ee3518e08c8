"""Tags of MLflow that say where a logged model comes from. MLflow itself is an extra."""

from typing import Any, Protocol

from registry.errors import MlflowMissing
from registry.legible import shortened
from registry.workflows.account import Account

PREFIX = "weight_registry"
LONGEST = 5000  # characters of a tag that every store of MLflow takes


class Logged(Protocol):
    """What MLflow answers when a model is logged: `ModelInfo`, or whatever has its attributes."""

    @property
    def run_id(self) -> str | None:
        """The run that logged it; None where there was none."""


def tags_of(account: Account) -> dict[str, str]:
    """Return the tags of a model; what is not known has none."""
    verdict = account.verdict
    lines = account.lines
    parents = lines.ancestors or lines.variants
    values = {
        "relation": str(verdict.verdict),
        "nearest": verdict.model,
        "ancestors": ", ".join(kin.name for kin in lines.ancestors) or None,
        "direction": str(parents[0].basis) if parents else None,
        "chance": None if verdict.chance is None else f"{verdict.chance:.3g}",
        "weights_digest": account.digest,
    }
    known = {name: value for name, value in values.items() if value is not None}
    return {f"{PREFIX}.{name}": shortened(value, LONGEST) for name, value in known.items()}


def tag_model(
    logged: Logged,
    account: Account,
    *,
    registered_as: str | None = None,
    client: Any = None,
) -> dict[str, str]:
    """Tag a logged model, the run that logged it, and its version in MLflow's registry.

    Returns the tags. What there is none of (before MLflow 3 a logged model has no id) is passed
    over.

    Args:
        logged: What `log_model` returned.
        account: What is stated of the model: `Registry.account` on what was logged.
        registered_as: The name that it was registered under, if it was.
        client: An MlflowClient; None for one of the configured server.

    Raises MlflowMissing; what the server refuses is MLflow's own error.
    """
    if client is None:
        client = new_client()
    tags = tags_of(account)
    model_id = getattr(logged, "model_id", None)
    version = getattr(logged, "registered_model_version", None)
    if model_id is not None:
        client.set_logged_model_tags(model_id, tags)
    for key, value in tags.items():
        if logged.run_id:
            client.set_tag(logged.run_id, key, value)
        if registered_as is not None and version is not None:
            client.set_model_version_tag(registered_as, str(version), key, value)
    return tags


def new_client() -> Any:
    """Return a client of the configured server. Raises MlflowMissing."""
    try:
        from mlflow import MlflowClient  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as exc:
        raise MlflowMissing from exc
    return MlflowClient()
