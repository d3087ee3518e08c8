"""The page of one model, and of each of its layers."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import Path
from sqlalchemy.orm import Session

from registry.database.lineage.trees import Edge
from registry.database.pages.layer_pages import Layer, layer
from registry.database.pages.model_pages import ModelContent, model_content
from registry.lineage.verdict import Relation, Relative, Verdict
from registry.report.change_wording import change_sentence
from registry.report.claim_wording import shown, value_of
from registry.report.claims import claim_json
from registry.report.curation import note_line
from registry.report.kinship_wording import direction_sentence
from registry.report.tree_wording import edge_sentence, event_sentence, root_headline
from registry.report.verdicts import verdict_json
from registry.web.evidence import ShowsVerdict
from registry.web.pages import Door, Pages
from registry.web.trees import edge_json
from registry.workflows.claims import CheckedClaim, checked_claims

PAGES = Pages()

LayerNumber = Annotated[int, Path(ge=0, lt=2**31, description="The number of a layer, from 0.")]


@dataclass(frozen=True)
class RankedRelative:
    """A relative, and why it is one."""

    relative: Relative
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class CardLine:
    """What a card or config claims, beside what the weights show."""

    claim: str
    value: str
    made_by: str
    weights: str
    outcome: str


@dataclass(frozen=True)
class ModelPage(ShowsVerdict):
    """A registered model."""

    content: ModelContent
    claims: tuple[CheckedClaim, ...]

    @property
    def shown(self) -> Verdict | None:
        """The newest verdict."""
        return self.content.verdict

    @property
    def headline(self) -> str:
        """The newest verdict in a line; of a root of the tree, in the direction of the tree."""
        content = self.content
        if content.verdict is None:
            return "no verdict was stored"
        is_root = bool(content.children) and not content.parents
        if is_root and content.verdict.verdict == Relation.DERIVED and content.verdict.model:
            return root_headline(content.verdict.model, content.children)
        return super().headline

    @property
    def relatives(self) -> list[RankedRelative]:
        """Relatives in the order of the verdict, with reasons."""
        verdict = self.content.verdict
        return [RankedRelative(one, reasons(one)) for one in verdict.relatives] if verdict else []

    @property
    def card(self) -> list[CardLine]:
        """What cards and configs claim."""
        lines = []
        for claim in self.claims:
            stated = claim.claim
            lines.append(
                CardLine(stated.claim, value_of(claim), stated.made_by, shown(claim), claim.outcome)
            )
        return lines

    @property
    def notes(self) -> list[str]:
        """Notes, with who wrote them."""
        return [note_line(note) for note in self.content.remarks.notes]

    @property
    def history(self) -> list[tuple[str, str, str]]:
        """When what was changed by whom, the newest first."""
        events = self.content.events
        return [
            (f"{event.happened_at:%Y-%m-%d %H:%M}", event.actor, event_sentence(event))
            for event in events
        ]

    def said(self, edge: Edge) -> str:
        """Return what an edge says of the child."""
        return edge_sentence(edge)

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        content = self.content
        verdict = verdict_json(content.verdict) if content.verdict else None
        return {
            **asdict(content.model),
            "tags": content.remarks.tags,
            "notes": content.remarks.notes,
            "headline": self.headline,
            "verdict": verdict,
            "judged_at": content.judged_at,
            "parents": list(map(edge_json, content.parents)),
            "children": list(map(edge_json, content.children)),
            "child_count": content.child_count,
            "vectors": content.vectors,
            "adapter": content.adaptation,
            "nearest": content.nearest,
            "claims": list(map(claim_json, self.claims)),
            "layers": content.layers,
            "sources": content.sources,
            "events": content.events,
        }


def reasons(relative: Relative) -> tuple[str, ...]:
    """Return why a model is a relative: what was done, how much it explains, which came first."""
    lines = [change_sentence(change) for change in relative.changes]
    lines.append(f"explains {relative.explained:.1%} of the weights")
    if relative.tied:
        lines.append("fits as well as the first")
    if relative.direction:
        lines.append(direction_sentence(relative.direction))
    return tuple(lines)


def model_page(session: Session, name: str) -> ModelPage:
    """Return what is on the page of a model."""
    content = model_content(session, name)
    claims = checked_claims(session, content.model.name) if content.has_claims else ()
    return ModelPage(content, tuple(claims))


@PAGES.page("/model/{name:segment}/layer/{number}", "layer.html")
def one_layer(door: Door, name: str, number: LayerNumber) -> Layer:
    """Return one layer of a model: the moments and singular values of its matrices."""
    return door.ask(lambda session: layer(session, name, number))


@PAGES.page("/model/{name:segment}", "model.html")
def model(door: Door, name: str) -> ModelPage:
    """Return one model: its verdict, relatives, card, vectors, sources and history."""
    return door.ask(lambda session: model_page(session, name))
