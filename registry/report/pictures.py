"""What figures are drawn of, from what the database answers. Pure."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from registry.figures.atlas_map import AtlasMap, MapCluster, MapPlace
from registry.figures.family_tree import FamilyTree, MadeFrom, Member
from registry.report.change_wording import change_sentence

if TYPE_CHECKING:
    from registry.database.lineage.trees import Edge, Tree
    from registry.database.pages.atlas import MapTile


def family_tree(trees: Iterable["Tree"]) -> FamilyTree:
    """Return some trees as one drawing, without models that two of them share."""
    members: dict[str, Member] = {}
    edges: dict[tuple[str, str], MadeFrom] = {}
    for tree in trees:
        for node in tree.nodes:
            members[node.name] = Member(node.name, node.kind)
        for edge in tree.edges:
            edges[edge.child, edge.parent] = made_from(edge)
    return FamilyTree(tuple(members.values()), tuple(edges.values()))


def made_from(edge: "Edge") -> MadeFrom:
    """Return an edge as it is drawn: its line shows the direction, its words the changes."""
    how = "; ".join(map(change_sentence, edge.changes)) or str(edge.relation)
    return MadeFrom(edge.child, edge.parent, edge.direction, how, edge.main)


def atlas_map(tile: "MapTile") -> AtlasMap:
    """Return a tile of the map of all models as it is drawn."""
    return AtlasMap(
        places=tuple(MapPlace(*place) for place in tile.places),
        clusters=tuple(MapCluster(*cluster) for cluster in tile.clusters),
        models=tile.models,
        window=tile.tile.window,
    )
