"""What analysts read: the views and functions of schema `registry`, and a comment on everything."""

import tomllib
from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

FACE = Path(__file__).parent / "face_0012"
SCRIPTS = (
    "arithmetic",
    "lines",
    "views",
    "names",
    "functions",
)  # in the order in which one needs another

PROJECTIONS = {
    "q": "query", "k": "key", "v": "value", "o": "output", "gate": "gate", "up": "up", "down": "down",
}  # fmt: skip
VECTORS = """
CREATE VIEW registry.{view} AS
SELECT {id}m.name AS model, m.kind, g.name AS family, {details}m.fingerprint_version, {record}
       {numbers},
       {arrays}f.std_vector, c.vector AS cluster_vector, d.vector AS cluster_vector_64
FROM registry_tables.models AS m
JOIN registry_tables.families AS g ON g.id = m.family_id
JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
LEFT JOIN registry_tables.clusterings AS d ON d.model_id = m.id AND d.rank = 64
"""
VECTOR_VIEWS = (
    {"view": "vectors", "id": "", "details": "", "record": "f.projections,", "arrays": "f.std, c.shares,"},
    {
        "view": "model_fingerprints",
        "id": "m.id, ",
        "details": "m.source, m.revision, m.declared_base, m.architecture, m.dtype, m.parameters, m.layers,"
        " m.hidden_size, m.digest, ",
        "record": "m.tool_version, m.ingested_at, f.projections, f.nonfinite, f.rank,"
        " cardinality(c.undetermined) AS undetermined,",
        "arrays": "",
    },
)  # fmt: skip
IF_FOUND = "CASE WHEN '{projection}' = ANY (f.projections) THEN {array}[{place}] END AS {column}"

DROP_ALL = """
DO $$
DECLARE
    statements text[];
    statement text;
BEGIN
    SELECT array_agg(format('DROP VIEW IF EXISTS %s CASCADE', oid::regclass)) INTO statements
    FROM pg_class WHERE relnamespace = 'registry'::regnamespace AND relkind = 'v';
    FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
        EXECUTE statement;
    END LOOP;
    SELECT array_agg(format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure)) INTO statements
    FROM pg_proc
    WHERE pronamespace IN ('registry'::regnamespace, 'registry_tables'::regnamespace)
      AND proname <> 'edges_form_no_cycle';
    FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
        EXECUTE statement;
    END LOOP;
END $$
"""


def vector_view(**parts: str) -> str:
    """A view with each entry of the vectors as a column."""
    columns = []
    for array, ending in (("f.std", "_std"), ("c.shares", "_cluster"), ("d.shares", "_cluster_64")):
        for place, (short, projection) in enumerate(PROJECTIONS.items(), 1):
            columns.append(
                IF_FOUND.format(
                    array=array, place=place, column=short + ending, projection=projection
                )
            )
    return VECTORS.format(numbers=", ".join(columns), **parts)


def upgrade() -> None:
    for script in SCRIPTS:
        run((FACE / f"{script}.sql").read_text())
    for parts in VECTOR_VIEWS:
        run(vector_view(**parts))
    comment(tomllib.loads((FACE / "comments.toml").read_text()))


def run(statements: str) -> None:
    """Run statements as they are: neither % nor : stands for a parameter."""
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def comment(comments: dict) -> None:
    """Comment on every schema, table, view, column and function that stands in comments.toml.

    A column without a comment of its own gets that of all columns of its name.
    """
    bind = op.get_bind()
    for schema, sentence in comments["schemas"].items():
        say("SCHEMA", schema, sentence)
    for schema in comments["schemas"]:
        relations = text("SELECT oid, oid::regclass::text AS name, relname, relkind FROM pg_class"
                         " WHERE relnamespace = to_regnamespace(:schema) AND relkind IN ('r', 'v')")  # fmt: skip
        for relation in bind.execute(relations, {"schema": schema}).all():
            sentences = comments[schema].get(relation.relname, {})
            kind = "TABLE" if relation.relkind == "r" else "VIEW"
            if "_" in sentences:
                say(kind, f"{schema}.{relation.relname}", sentences["_"])
            columns = text(
                "SELECT attname FROM pg_attribute WHERE attrelid = :oid AND attnum > 0 AND NOT attisdropped"
            )
            for column in bind.execute(columns, {"oid": relation.oid}).scalars():
                sentence = sentences.get(column) or comments["columns"].get(column)
                if sentence:
                    say("COLUMN", f'{schema}.{relation.relname}."{column}"', sentence)
        functions = text("SELECT oid::regprocedure::text AS signature, proname FROM pg_proc"
                         " WHERE pronamespace = to_regnamespace(:schema)")  # fmt: skip
        for function in bind.execute(functions, {"schema": schema}).all():
            sentence = comments["functions"].get(f"{schema}.{function.proname}")
            if sentence:
                say("FUNCTION", function.signature, sentence)


def say(kind: str, thing: str, sentence: str) -> None:
    """Comment on one thing; a comment is a literal and takes no parameter."""
    quoted = sentence.replace("'", "''")
    run(f"COMMENT ON {kind} {thing} IS '{quoted}'")


def downgrade() -> None:
    run(DROP_ALL)
