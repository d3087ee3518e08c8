"""The part of `Registry` on what other tools are told of a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from registry.api.base import Room

if TYPE_CHECKING:
    from registry.checkpoints.card_claims import CardClaims
    from registry.fingerprints.from_source import Options
    from registry.workflows.account import Account
    from registry.workflows.card_check import CheckedCard
    from registry.workflows.resolve import Named

# ruff: noqa: PLC0415  # what only some methods need is imported there


class Statements(Room):
    """Methods of `Registry`."""

    def account(
        self, model: "Named", *, files: bool = False, **options: "Unpack[Options]"
    ) -> "Account":
        """Return what is stated of a model, a registered one or a source: verdict and relatives.

        files: whether to read those at a registered model's source, for their digests.
        """
        from registry.workflows.account import account_of

        return account_of(self._engine, model, files=files, **options)

    def check_card(
        self,
        card: "str | Path | CardClaims",
        source: "Named | None" = None,
        **options: "Unpack[Options]",
    ) -> "CheckedCard":
        """Return what a model's own card claims of its base, beside what the weights show.

        card: a README.md or the folder that holds it, or what was read of it. source: the model;
        None for that folder.
        """
        from registry.checkpoints.card_claims import CardClaims, card_claims
        from registry.workflows.card_check import check_card

        claimed = card if isinstance(card, CardClaims) else card_claims(Path(card))
        model = claimed.folder if source is None else source
        return check_card(self._engine, model, claimed, **options)
