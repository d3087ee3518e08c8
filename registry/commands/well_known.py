"""What `registry ingest --well-known` does: one model of the starter list after the other."""

from typing import TYPE_CHECKING, Any

from registry.commands.measured_run import measured_run
from registry.commands.printing import say, say_error, show
from registry.errors import DatabaseFault, HubAway, RegistryError, Spooled, WellKnownFailed

if TYPE_CHECKING:
    from registry import Registry
    from registry.workflows.well_known import WellKnown


def ingest_well_known(
    registry: "Registry", family: str | None, wanted: dict[str, Any], *, json: bool, timing: bool
) -> None:
    """Ingest the models of the list, or of one family, that are not registered yet.

    After a failure the next one is tried. Raises HubAway at the first sign that the hub cannot be
    read, WellKnownFailed once all were tried and some failed, NoSuchWellKnownFamily.
    """
    from registry.report.models import ingested_json, ingested_line
    from registry.report.well_known import Outcome, outcomes_table
    from registry.workflows.well_known import NO_HUB

    models, known = registry.well_known(family)
    outcomes: list[Outcome] = []
    stored: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    away: RegistryError | None = None

    for model in models:
        if model.model in known:
            outcomes.append(Outcome(model, "registered already"))
            continue
        try:
            with measured_run(model.model, json=json, timing=timing) as run:
                ingested = registry.ingest(
                    model.model, **{**wanted, "family": model.family}, **run.observers
                )
        except (DatabaseFault, Spooled):  # no other can be stored either
            raise
        except NO_HUB as error:
            away = error
            break
        except RegistryError as error:
            say_error(error, source=model.model)
            errors.append({"source": model.model, "error": str(error)})
            outcomes.append(Outcome(model, "failed", str(error)))
        else:
            say(ingested_line(ingested), event="Ingested")
            stored.append(run.timed(ingested_json(ingested)))
            outcomes.append(Outcome(model, ingested.outcome.value))

    skipped = [model.model for model in models if model.model in known]
    content = {"models": stored, "skipped": skipped, "errors": errors}
    if outcomes or json:
        show(content, outcomes_table(outcomes), json=json)
    end(models, done=len(known) + len(stored), failed=len(errors), away=away)


def end(models: "list[WellKnown]", *, done: int, failed: int, away: RegistryError | None) -> None:
    """Raise HubAway where the hub went, WellKnownFailed where single models failed."""
    if away is not None:
        reason = away.data.get("reason", away)
        raise HubAway(reason=reason, done=done, count=len(models)) from away
    if failed:
        raise WellKnownFailed(failed=failed, count=len(models))
