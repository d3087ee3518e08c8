"""The part of `Registry` on where registered models come from, judged again as others arrive."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from registry.api.base import Room

if TYPE_CHECKING:
    from registry.database.lineage.trees import Event, Tree
    from registry.database.pages.atlas import MapTile
    from registry.numerics.tiles import Tile
    from registry.workflows.atlas import MapDrawn
    from registry.workflows.rejudge import Rejudged

# ruff: noqa: PLC0415  # what only some methods need is imported there


class Lineage(Room):
    """Methods of `Registry`."""

    def tree(self, name: str | None = None) -> "Tree":
        """Return what was made from what: the tree that a model stands in, or all trees."""
        from registry.database.lineage import trees

        return self._answer(partial(trees.tree, name=name))

    def family_tree(self, family: str) -> "Tree":
        """Return what was made from what within a family."""
        from registry.database.lineage import trees

        return self._answer(partial(trees.tree_of_family, family=family))

    def parent(self, name: str) -> str | None:
        """Return the registered model that another was made from; None where none is known."""
        from registry.database.lineage import trees

        return self._answer(partial(trees.main_parent, name=name))

    def draw_map(self, *, anew: bool = False) -> "MapDrawn":
        """Put all models that are not on the map of all onto it, or draw all of it anew."""
        from registry.workflows import atlas

        return atlas.draw_map(self._engine, anew=anew)

    def atlas(self, tile: "Tile | None" = None, *, most: int | None = None) -> "MapTile":
        """Return the map as `draw_map` left it, or a tile; so many models at most, thinned."""
        from registry.database.pages import atlas
        from registry.numerics.tiles import WHOLE

        return self._answer(partial(atlas.map_tile, tile=tile or WHOLE, most=most))

    def log(self, name: str | None = None, *, most: int = 20) -> "list[Event]":
        """Return what was changed, by whom and why, the newest first: of one model, or of all."""
        from registry.database.lineage import trees

        return self._answer(partial(trees.log, name=name, most=most))

    def rejudge(self, names: Sequence[str] = (), *, every: bool = False) -> "Rejudged":
        """Judge models again that others may have changed the verdicts of, those named, or all."""
        from registry.workflows.rejudge import rejudge

        return rejudge(self._engine, names, every=every)
