"""The part of `Registry` on what other tools are told of a model."""

from typing import TYPE_CHECKING, Unpack

from registry.api.base import Room

if TYPE_CHECKING:
    from registry.fingerprints.from_source import Options
    from registry.workflows.account import Account
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
