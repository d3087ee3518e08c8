"""Commands on where models were seen, and on what is claimed of them."""

import click

from registry.commands.options import json_option, option
from registry.commands.printing import show


@click.command()
@click.argument("model", required=False)
@json_option
def sources(model: str | None, json: bool) -> None:
    """List where models were seen: who else has these weights?

    Equal weights under another name, in another place, on another machine or at another commit are
    another source of the same model. Without MODEL, the sources of all models are listed.

    \b
    Example: registry sources llama-small
    """
    from registry import Registry
    from registry.report.claims import sources_table

    with Registry() as registry:
        listed = registry.sources(model)
    show({"sources": listed}, sources_table(listed), json=json)


@click.command()
@click.argument("model", required=False)
@option("--contradicted", is_flag=True, help="Only the claims that the weights contradict.")
@json_option
def claims(model: str | None, contradicted: bool, json: bool) -> None:
    """List what cards and configs claim, beside what the weights show.

    A claimed base is borne out where the model comes from it, and contradicted where it is
    registered and the weights show another origin, or none. Claims prove nothing. Contradictions
    come first; without MODEL, the claims about all models are listed.

    \b
    Example: registry claims --contradicted
    """
    from registry import Registry
    from registry.lineage.claim_check import ClaimOutcome
    from registry.report.claims import NO_CLAIMS, NO_CONTRADICTIONS, claims_json, claims_table

    with Registry() as registry:
        checked = registry.claims(model)
    if contradicted:
        checked = [
            claim
            for claim in checked
            if claim.outcome is ClaimOutcome.CONTRADICTED and not claim.claim.withdrawn
        ]
    if not checked:
        show(claims_json(checked), NO_CONTRADICTIONS if contradicted else NO_CLAIMS, json=json)
        return
    show(claims_json(checked), claims_table(checked), json=json)
