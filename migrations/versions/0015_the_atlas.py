"""The map of all models: the place of each, and what the groups on it are called."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = "registry_tables"

VIEWS = """
CREATE VIEW registry.atlas AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, p.x, p.y, p.cluster, c.family AS cluster_family,
       p.zoom, p.missing
FROM registry_tables.places AS p
JOIN registry_tables.models AS m ON m.id = p.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id
LEFT JOIN registry_tables.clusters AS c ON c.id = p.cluster;

CREATE VIEW registry.atlas_clusters AS
SELECT c.id AS cluster, c.family, c.models, c.share, c.x, c.y, c.zoom
FROM registry_tables.clusters AS c;
"""

PLACES = {
    "model_id": "The model.",
    "model": "Name of the model.",
    "kind": "model or adapter; an adapter stands beside its base.",
    "family": "Name of its family.",
    "fingerprint_version": "Version of its fingerprint.",
    "x": "From 0 on the left to 1; null of a model without a place.",
    "y": "From 0 at the bottom to 1; null of a model without a place.",
    "cluster": "Number of the group of neighbours that it is in; null of one that is in none.",
    "cluster_family": "The commonest family of that group when the map was drawn.",
    "code": "The place as one number (Morton): a tile of the map is a range of them.",
    "zoom": "From which zoom on it is drawn, from 0, the whole map; 99 where there are too many in one spot.",
    "landmark": "Whether the map was laid out by it; others stand amid the landmarks that they are like.",
    "missing": "Why it has no place: version, base (an adapter whose base has none) or numbers; null of one that has.",
}
CLUSTERS = {
    "id": "Number of the group.",
    "cluster": "Number of the group.",
    "family": "The commonest family of its models when the map was drawn.",
    "models": "How many models were in it then.",
    "share": "Of these, the share that was of this family.",
    "x": "Middle of the group, from 0 on the left to 1.",
    "y": "Middle of the group, from 0 at the bottom to 1.",
    "code": "The middle as one number (Morton).",
    "zoom": "From which zoom on it is named, from 0, the whole map.",
}
SENTENCES = {
    ("TABLE", f"{TABLES}.places"): "Where models stand on the map that registry atlas draws.",
    ("TABLE", f"{TABLES}.clusters"): "Groups of neighbours on the map, named by their commonest family.",
    ("VIEW", "registry.atlas"): "Where models stand on the map of all of them, with like weights beside each other.",
    ("VIEW", "registry.atlas_clusters"): "Groups of neighbours on the map, named by their commonest family.",
}  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "places",
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("x", sa.Double),
        sa.Column("y", sa.Double),
        sa.Column("cluster", sa.Integer),
        sa.Column("code", sa.BigInteger),
        sa.Column("zoom", sa.SmallInteger),
        sa.Column("landmark", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.Column("missing", sa.Text),
        sa.PrimaryKeyConstraint("model_id", name="places_pkey"),
        sa.ForeignKeyConstraint(
            ["model_id"], [f"{TABLES}.models.id"], ondelete="CASCADE", name="places_model_id_fkey"
        ),
        sa.CheckConstraint(
            "missing IN ('version', 'base', 'numbers')", name="places_missing_check"
        ),
        sa.CheckConstraint("(missing IS NULL) = (code IS NOT NULL)", name="places_code_check"),
        schema=TABLES,
    )
    op.create_table(
        "clusters",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("models", sa.Integer, nullable=False),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("x", sa.Double, nullable=False),
        sa.Column("y", sa.Double, nullable=False),
        sa.Column("code", sa.BigInteger, nullable=False),
        sa.Column("zoom", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="clusters_pkey"),
        schema=TABLES,
    )
    op.create_index("places_code_idx", "places", ["code"], schema=TABLES)
    op.create_index("places_zoom_code_idx", "places", ["zoom", "code"], schema=TABLES)
    run(VIEWS)
    for (kind, thing), sentence in SENTENCES.items():
        comment(kind, thing, sentence)
    comment_columns(f"{TABLES}.places", PLACES, without=("model", "kind", "family", "fingerprint_version", "cluster_family"))  # fmt: skip
    comment_columns(f"{TABLES}.clusters", CLUSTERS, without=("cluster",))
    comment_columns("registry.atlas", PLACES, without=("model_id", "code", "landmark"))
    comment_columns("registry.atlas_clusters", CLUSTERS, without=("id", "code"))


def comment_columns(relation: str, sentences: dict[str, str], without: tuple[str, ...]) -> None:
    """Comment on columns of one table or view."""
    for column, sentence in sentences.items():
        if column not in without:
            comment("COLUMN", f"{relation}.{column}", sentence)


def comment(kind: str, thing: str, sentence: str) -> None:
    """Comment on one thing; a comment is a literal and takes no parameter."""
    quoted = sentence.replace("'", "''")
    run(f"COMMENT ON {kind} {thing} IS '{quoted}'")


def run(statements: str) -> None:
    """Run statements as they are: neither % nor : stands for a parameter."""
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    for view in ("atlas_clusters", "atlas"):
        run(f"DROP VIEW registry.{view}")
    for table in ("clusters", "places"):
        op.drop_table(table, schema=TABLES)
