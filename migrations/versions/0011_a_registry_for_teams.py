"""A schema of their own for the tables, and what a team knows: edges, sources, claims, tags, notes, the log."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = "registry_tables"
MOVED = (
    "families", "models", "fingerprints", "adapters", "clusterings", "matrices", "branches", "spaces", "histograms",
    "outlines", "verdicts", "characteristics", "tensors", "ledgers", "registry_version",
)  # fmt: skip
MOVE = """
DO $$
DECLARE
    place regclass := to_regclass('{table}');
BEGIN
    IF place IS NOT NULL AND (SELECT relnamespace FROM pg_class WHERE oid = place) <> '{schema}'::regnamespace THEN
        EXECUTE format('ALTER TABLE %s SET SCHEMA {schema}', place);
    END IF;
END $$
"""

# An older release looks for the version by its bare name, and must find that the schema is newer than it knows.
SEARCH_PATH = """
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase, unnest(s.setconfig) AS c
        WHERE d.datname = current_database() AND s.setrole = 0 AND c LIKE 'search_path=%'
    ) THEN
        EXECUTE format(
            'ALTER DATABASE %I SET search_path = "$user", public, registry, registry_tables', current_database()
        );
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    IF has_schema_privilege('public', 'CREATE') THEN
        EXECUTE 'CREATE VIEW public.registry_version AS SELECT version_num FROM registry_tables.registry_version';
    END IF;
END $$
"""

NO_CYCLE = """
CREATE FUNCTION registry_tables.edges_form_no_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.superseded_at IS NOT NULL THEN
        RETURN NEW;
    END IF;
    -- two transactions that each draw half of a cycle take turns
    PERFORM pg_advisory_xact_lock(hashtext('registry.models'));
    IF EXISTS (
        WITH RECURSIVE line AS (
            SELECT NEW.parent_id AS id
            UNION
            SELECT e.parent_id FROM registry_tables.edges AS e JOIN line ON e.child_id = line.id
            WHERE e.superseded_at IS NULL
        )
        SELECT FROM line WHERE id = NEW.child_id
    ) THEN
        RAISE EXCEPTION 'model % would be its own ancestor through model %', NEW.child_id, NEW.parent_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'edges_form_no_cycle';
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER edges_form_no_cycle AFTER INSERT OR UPDATE OF child_id, parent_id, superseded_at
ON registry_tables.edges DEFERRABLE INITIALLY IMMEDIATE
FOR EACH ROW EXECUTE FUNCTION registry_tables.edges_form_no_cycle()
"""

# A base was registered before what was judged to come from it: the edges form no cycle.
EDGES_OF_VERDICTS = """
INSERT INTO registry_tables.edges (
    child_id, parent_id, relation, direction, main, p_value, score, evidence, changes, judged_at, fingerprint_version,
    because
)
SELECT v.model_id, base.id, v.verdict, 'presumed', true, v.p_value, v.score, v.evidence,
       coalesce(v.changes, '[]'), v.judged_at, child.fingerprint_version, 'verdict at ingestion'
FROM registry_tables.verdicts AS v
JOIN registry_tables.models AS child ON child.id = v.model_id
JOIN LATERAL (
    SELECT id FROM registry_tables.models WHERE name = v.base AND id < child.id
    ORDER BY fingerprint_version DESC LIMIT 1
) AS base ON true
WHERE v.verdict IN ('same weights', 'quantised copy', 'derived') AND child.kind = 'model'
"""

PARENTS_OF_VERDICTS = """
UPDATE registry_tables.verdicts AS v SET parent_ids = ARRAY[e.parent_id]
FROM registry_tables.edges AS e WHERE e.child_id = v.model_id
"""

# What was given by somebody cannot be told from what was inherited, but for a name of its own or of the base.
SET_FAMILIES = """
UPDATE registry_tables.models AS m SET family_set = true
FROM registry_tables.families AS f
WHERE f.id = m.family_id AND f.name <> m.name AND f.name IS DISTINCT FROM m.declared_base AND NOT EXISTS (
    SELECT FROM registry_tables.models AS b WHERE b.name = m.declared_base AND b.family_id = m.family_id
)
"""

SOURCES_OF_MODELS = """
INSERT INTO registry_tables.sources (model_id, name, source, revision, first_seen, last_seen)
SELECT id, name, source, revision, ingested_at, ingested_at FROM registry_tables.models
"""
CLAIMS_OF_MODELS = """
INSERT INTO registry_tables.claims (model_id, source_id, claim, value, made_by, seen_at)
SELECT m.id, s.id, 'base_model', m.declared_base, 'card', m.ingested_at
FROM registry_tables.models AS m JOIN registry_tables.sources AS s ON s.model_id = m.id
WHERE m.declared_base IS NOT NULL
"""


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger, sa.Identity(), nullable=False)


def now(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def model_id(table: str) -> tuple[sa.Column, sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint(
        ["model_id"], [f"{TABLES}.models.id"], name=f"{table}_model_id_fkey", ondelete="CASCADE"
    )
    return sa.Column("model_id", sa.Integer, nullable=False), key


def drop_readers() -> None:
    """What is written in terms of the tables, last made first."""
    op.execute("DROP VIEW model_ledgers")
    op.execute("DROP VIEW model_fingerprints")
    op.execute("DROP FUNCTION nearest_models")
    op.execute("DROP FUNCTION nearest_fingerprints")
    op.execute("DROP FUNCTION exact_cosine_distance")


def restore_readers() -> None:
    """As migration 0010 left them."""
    first, second, tenth = (
        context.script.get_revision(number).module for number in ("0001", "0002", "0010")
    )
    op.execute(first.EXACT_COSINE_DISTANCE)
    op.execute(second.NEAREST_FINGERPRINTS.format(**second.WITH_KIND))
    op.execute(second.NEAREST_MODELS.format(argument="m.kind, "))
    op.execute(tenth.model_fingerprints(tenth.IF_FOUND))
    op.execute(tenth.MODEL_LEDGERS)


def upgrade() -> None:
    drop_readers()
    for table in MOVED:
        op.execute(MOVE.format(table=table, schema=TABLES))
    op.execute(SEARCH_PATH)

    op.add_column(
        "models",
        sa.Column("family_set", sa.Boolean, nullable=False, server_default=sa.text("false")),
        schema=TABLES,
    )
    op.add_column("verdicts", sa.Column("direction", JSONB), schema=TABLES)
    op.add_column("verdicts", sa.Column("relatives", JSONB), schema=TABLES)
    op.add_column(
        "verdicts",
        sa.Column("parent_ids", ARRAY(sa.Integer), nullable=False, server_default=sa.text("'{}'")),
        schema=TABLES,
    )
    op.add_column(
        "verdicts",
        sa.Column("signs", JSONB, nullable=False, server_default=sa.text("'{}'")),
        schema=TABLES,
    )
    op.add_column("verdicts", sa.Column("explained", sa.Double), schema=TABLES)
    op.add_column(
        "verdicts",
        sa.Column("due", sa.Boolean, nullable=False, server_default=sa.text("false")),
        schema=TABLES,
    )
    op.create_index(
        "verdicts_parent_ids_idx", "verdicts", ["parent_ids"], postgresql_using="gin", schema=TABLES
    )
    op.create_index(
        "verdicts_due_idx",
        "verdicts",
        ["model_id"],
        postgresql_where=sa.text("due"),
        schema=TABLES,
    )
    op.create_index("models_lower_name_idx", "models", [sa.text("lower(name)")], schema=TABLES)
    op.create_index("models_declared_base_idx", "models", ["declared_base"], schema=TABLES)
    create_edges()
    create_sources_and_claims()
    create_curation()
    for statement in (
        EDGES_OF_VERDICTS,
        PARENTS_OF_VERDICTS,
        SET_FAMILIES,
        SOURCES_OF_MODELS,
        CLAIMS_OF_MODELS,
    ):
        op.execute(statement)
    op.execute("UPDATE registry_tables.verdicts SET due = true")


def create_edges() -> None:
    op.create_table(
        "edges",
        number("id"),
        sa.Column("child_id", sa.Integer, nullable=False),
        sa.Column("parent_id", sa.Integer, nullable=False),
        sa.Column("relation", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("main", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Double) for name in ("p_value", "score", "explained")),
        sa.Column("evidence", JSONB, nullable=False),
        sa.Column("changes", JSONB, nullable=False),
        now("judged_at"),
        sa.Column("fingerprint_version", sa.Integer, nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True)),
        sa.Column("because", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="edges_pkey"),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{TABLES}.models.id"], name=f"edges_{column}_fkey", ondelete="CASCADE"
            )
            for column in ("child_id", "parent_id")
        ),
        sa.CheckConstraint("child_id <> parent_id", name="edges_apart_check"),
        sa.CheckConstraint(
            "direction IN ('shown', 'claimed', 'presumed')",
            name="edges_direction_check",
        ),
        schema=TABLES,
    )
    op.create_index(
        "edges_child_id_parent_id_idx",
        "edges",
        ["child_id", "parent_id"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
        schema=TABLES,
    )
    op.create_index(
        "edges_main_idx",
        "edges",
        ["child_id"],
        unique=True,
        postgresql_where=sa.text("main AND superseded_at IS NULL"),
        schema=TABLES,
    )
    op.create_index("edges_parent_id_idx", "edges", ["parent_id"], schema=TABLES)
    op.execute(NO_CYCLE)
    op.execute(TRIGGER)


def create_sources_and_claims() -> None:
    op.create_table(
        "sources",
        number("id"),
        *model_id("sources"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("revision", "host")),
        sa.Column("size", sa.BigInteger),
        sa.Column("format", sa.Text),
        now("first_seen"),
        now("last_seen"),
        sa.PrimaryKeyConstraint("id", name="sources_pkey"),
        schema=TABLES,
    )
    op.create_index(
        "sources_place_key",
        "sources",
        ["model_id", "name", sa.text("md5(source)"), "revision", "host"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        schema=TABLES,
    )
    op.create_index("sources_lower_name_idx", "sources", [sa.text("lower(name)")], schema=TABLES)
    op.create_table(
        "claims",
        number("id"),
        *model_id("claims"),
        sa.Column("source_id", sa.BigInteger),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("claim", "value", "made_by")),
        now("seen_at"),
        sa.PrimaryKeyConstraint("id", name="claims_pkey"),
        sa.ForeignKeyConstraint(
            ["source_id"],
            [f"{TABLES}.sources.id"],
            name="claims_source_id_fkey",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "claim IN ('base_model', 'relation', 'licence', 'architecture')",
            name="claims_claim_check",
        ),
        sa.UniqueConstraint(
            "model_id",
            "source_id",
            "claim",
            "value",
            "made_by",
            name="claims_said_key",
            postgresql_nulls_not_distinct=True,
        ),
        schema=TABLES,
    )


def create_curation() -> None:
    op.create_table(
        "tags",
        *model_id("tags"),
        sa.Column("tag", sa.Text, nullable=False),
        now("tagged_at"),
        sa.PrimaryKeyConstraint("model_id", "tag", name="tags_pkey"),
        schema=TABLES,
    )
    op.create_table(
        "notes",
        number("id"),
        *model_id("notes"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("note", "author")),
        now("noted_at"),
        sa.PrimaryKeyConstraint("id", name="notes_pkey"),
        schema=TABLES,
    )
    op.create_index("notes_model_id_idx", "notes", ["model_id"], schema=TABLES)
    op.create_table(
        "events",
        number("id"),
        now("happened_at"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("actor", "action")),
        sa.Column("model", sa.Text),
        sa.Column("model_id", sa.Integer),
        sa.Column("family", sa.Text),
        sa.Column("details", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("undo", JSONB),
        sa.Column("undone_by", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="events_pkey"),
        sa.ForeignKeyConstraint(
            ["undone_by"], [f"{TABLES}.events.id"], name="events_undone_by_fkey"
        ),
        schema=TABLES,
    )
    op.create_index("events_model_id_idx", "events", ["model_id"], schema=TABLES)


def downgrade() -> None:
    """What a team knows goes; the models stay, in the schema where they are."""
    for table in ("events", "notes", "tags", "claims", "sources", "edges"):
        op.drop_table(table, schema=TABLES)
    op.execute("DROP FUNCTION registry_tables.edges_form_no_cycle")
    for column in ("due", "explained", "signs", "parent_ids", "relatives", "direction"):
        op.drop_column("verdicts", column, schema=TABLES)
    op.drop_column("models", "family_set", schema=TABLES)
    for name in ("models_lower_name_idx", "models_declared_base_idx"):
        op.drop_index(name, "models", schema=TABLES)
    op.execute("DROP VIEW IF EXISTS public.registry_version")
    restore_readers()
