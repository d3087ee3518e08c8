"""Search among a million models: groups that are searched, points in a tree of boxes, counts."""

from pathlib import Path

import sqlalchemy as sa
from alembic import context, op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = "registry_tables"
SCRIPTS = Path(__file__).parent / "search_0013"
SEARCHED = ("fingerprints", "outlines")
TRIGGERS = """
CREATE TRIGGER fingerprints_search_group BEFORE INSERT OR UPDATE ON registry_tables.fingerprints
FOR EACH ROW EXECUTE FUNCTION registry_tables.state_search_group();
CREATE TRIGGER outlines_search_group BEFORE INSERT OR UPDATE ON registry_tables.outlines
FOR EACH ROW EXECUTE FUNCTION registry_tables.state_outline_group();
CREATE TRIGGER models_search_group AFTER UPDATE OF kind, fingerprint_version ON registry_tables.models
FOR EACH ROW WHEN ((OLD.kind, OLD.fingerprint_version) IS DISTINCT FROM (NEW.kind, NEW.fingerprint_version))
EXECUTE FUNCTION registry_tables.restate_search_group();
UPDATE registry_tables.fingerprints SET search_group = NULL;
UPDATE registry_tables.outlines SET search_group = NULL;
"""

# contrib's cube is trusted: who owns the database may create it, where the server has it. Without it a search reads all.
TREE = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'cube') THEN
        CREATE EXTENSION IF NOT EXISTS cube SCHEMA public;
    END IF;
    IF to_regtype('public.cube') IS NOT NULL THEN
        CREATE INDEX fingerprints_point_search_idx ON registry_tables.fingerprints
        USING gist ((public.cube(registry_tables.search_point(std, search_group))));
    END IF;
EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN
    RAISE NOTICE 'without the extension cube the search by std vector reads all models';
END $$
"""

COMMENTS = {
    "COLUMN registry_tables.fingerprints.search_group": "Kind, fingerprint version and set of projections as one"
    " number: models of one group can be neighbours by std vector. Kept by a trigger.",
    "COLUMN registry_tables.outlines.search_group": "Kind and fingerprint version as one number: models of one group"
    " can be neighbours by outline. Kept by a trigger.",
    "TABLE registry_tables.family_counts": "How many models of a kind and fingerprint version a family has; kept by"
    " triggers of models.",
    "COLUMN registry_tables.family_counts.kind": "model or adapter.",
    "COLUMN registry_tables.family_counts.fingerprint_version": "Version of the fingerprints that are counted.",
    "COLUMN registry_tables.family_counts.family_id": "The family.",
    "COLUMN registry_tables.family_counts.models": "How many there are; 0 for a family that has lost its last.",
    "TABLE registry_tables.model_counts": "How many models of a kind and fingerprint version there are; kept by triggers"
    " of models.",
    "COLUMN registry_tables.model_counts.kind": "model or adapter.",
    "COLUMN registry_tables.model_counts.fingerprint_version": "Version of the fingerprints that are counted.",
    "COLUMN registry_tables.model_counts.models": "How many there are.",
    "COLUMN registry_tables.model_counts.families": "Of how many families.",
    "FUNCTION registry_tables.search_group": "The number of a search group.",
    "FUNCTION registry_tables.state_search_group": "Trigger: puts a fingerprint into its search group.",
    "FUNCTION registry_tables.state_outline_group": "Trigger: puts an outline into its search group.",
    "FUNCTION registry_tables.restate_search_group": "Trigger: a model whose kind or version changes is in another"
    " search group.",
    "FUNCTION registry_tables.search_point": "The std vector as a point of its search group: distances within a group are"
    " those of unit vectors, groups are far apart.",
    "FUNCTION registry_tables.search_order": "A number that is close for std vectors that are close.",
    "FUNCTION registry_tables.search_distance": "Cosine distance of two vectors of seven numbers, 1 where one is zero.",
    "FUNCTION registry_tables.has_search_index": "Whether an index of the search is there and complete.",
    "FUNCTION registry_tables.index_lists": "How many lists an ivfflat index has.",
    "FUNCTION registry_tables.near_std": "The k models of a search group nearest by std vector, and all that are as near"
    " as the k-th; exact with the index of points or without any.",
    "FUNCTION registry_tables.near_outlines": "The k models with the nearest outline of any kind, and its cosine; exact"
    " where `registry db index` has built no index.",
    "FUNCTION registry_tables.near_own": "The k models whose outline in their own axes is nearest; exact where `registry"
    " db index` has built no index.",
    "FUNCTION registry_tables.add_counts": "Adds to the counts of families and of all models.",
    "FUNCTION registry_tables.recount": "Counts all models anew.",
    "FUNCTION registry_tables.count_models": "Trigger: keeps the counts.",
}  # fmt: skip


def upgrade() -> None:
    for table in SEARCHED:
        op.add_column(table, sa.Column("search_group", sa.Integer), schema=TABLES)
    for script in ("functions", "counts"):
        run((SCRIPTS / f"{script}.sql").read_text())
    run(TRIGGERS)
    for table in SEARCHED:
        op.create_index(f"{table}_search_group_idx", table, ["search_group"], schema=TABLES)
    run(TREE)
    run("ALTER FUNCTION registry.nearest_models PARALLEL RESTRICTED")
    run("ALTER FUNCTION registry_tables.nearest_by_std PARALLEL RESTRICTED")
    for thing, sentence in COMMENTS.items():
        quoted = sentence.replace("'", "''")
        run(f"COMMENT ON {thing} IS '{quoted}'")


def run(statements: str) -> None:
    """Run statements as they are: neither % nor : stands for a parameter."""
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """The extension cube stays: others may use it by now."""
    for trigger in ("models_added", "models_removed", "models_changed", "models_emptied", "models_search_group"):  # fmt: skip
        run(f"DROP TRIGGER {trigger} ON registry_tables.models")
    for table in SEARCHED:
        run(f"DROP TRIGGER {table}_search_group ON registry_tables.{table}")
    restore_nearest_fingerprints()
    run("DROP INDEX IF EXISTS registry_tables.fingerprints_point_search_idx")
    functions = [thing for thing in COMMENTS if thing.startswith("FUNCTION")]
    for function in reversed(functions):
        run(f"DROP {function}")
    for table in ("model_counts", "family_counts"):
        op.drop_table(table, schema=TABLES)
    for table in SEARCHED:
        op.drop_column(table, "search_group", schema=TABLES)


def restore_nearest_fingerprints() -> None:
    """As migration 0012 left it."""
    script = (context.script.get_revision("0012").module.FACE / "arithmetic.sql").read_text()
    begin = script.index("CREATE FUNCTION registry.nearest_fingerprints")
    end = script.index("END;", begin) + len("END;")
    run(script[begin:end].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
    run("ALTER FUNCTION registry.nearest_models PARALLEL SAFE")
    run("ALTER FUNCTION registry_tables.nearest_by_std PARALLEL SAFE")
