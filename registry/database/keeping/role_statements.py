"""The statements that give the roles their rights; every name of a role in them is literal."""

from enum import StrEnum

STATEMENT_TIMEOUT = "60s"  # of an analyst, who may set another
LOCK_TIMEOUT = "30s"  # likewise; only an upgrade takes locks that readers wait for
IDLE_TIMEOUT = "10min"  # an open transaction of an analyst keeps upgrades waiting


class LooseEnd(StrEnum):
    """What an analyst could still do, because to forbid it takes another's right."""

    TEMPORARY_TABLES = "temporary tables"
    TABLES_IN_PUBLIC = "tables in schema public"
    LARGE_OBJECTS = "large objects"
    LOCKS = "advisory locks, which keep writers waiting"


# Sequences of identity columns, and what extensions brought along, follow what they belong to.
OWN_ALL = """
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('ALTER SCHEMA %I OWNER TO registry_owner', nspname)
        FROM pg_namespace
        WHERE nspname IN ('registry', 'registry_tables') AND nspowner <> 'registry_owner'::regrole
        UNION ALL
        SELECT format(
            'ALTER %s %I.%I OWNER TO registry_owner',
            CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                         WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
            nspname, relname
        )
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname IN ('registry', 'registry_tables') AND relkind IN ('r', 'p', 'v', 'm', 'S')
          AND relowner <> 'registry_owner'::regrole
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i')
                          AND classid = 'pg_class'::regclass AND relkind = 'S')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO registry_owner', pg_proc.oid::regprocedure)
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname IN ('registry', 'registry_tables') AND proowner <> 'registry_owner'::regrole
    LOOP
        EXECUTE statement;
    END LOOP;
END $$
"""

GRANTS = """
GRANT USAGE ON SCHEMA registry, registry_tables TO registry_owner, registry_writer, registry_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA registry, registry_tables TO registry_analyst, registry_writer;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA registry_tables TO registry_writer;
REVOKE INSERT, UPDATE, DELETE ON registry_tables.registry_version FROM registry_writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA registry_tables TO registry_writer;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA registry, registry_tables
TO registry_analyst, registry_writer, registry_owner;
DO $$ BEGIN
    -- an import keeps edges aside in temporary tables
    EXECUTE format('GRANT TEMP ON DATABASE %I TO registry_writer, registry_owner', current_database());
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
"""  # noqa: E501  # a line a right

DEFAULTS = """
ALTER DEFAULT PRIVILEGES {of} IN SCHEMA registry, registry_tables
GRANT SELECT ON TABLES TO registry_analyst, registry_writer;
ALTER DEFAULT PRIVILEGES {of} IN SCHEMA registry_tables
GRANT INSERT, UPDATE, DELETE ON TABLES TO registry_writer;
ALTER DEFAULT PRIVILEGES {of} IN SCHEMA registry_tables
GRANT USAGE ON SEQUENCES TO registry_writer;
ALTER DEFAULT PRIVILEGES {of} IN SCHEMA registry, registry_tables
GRANT EXECUTE ON ROUTINES TO registry_analyst, registry_writer;
"""

SETTINGS = {
    "search_path": "registry, public",
    "default_transaction_read_only": "on",
    "statement_timeout": STATEMENT_TIMEOUT,
    "lock_timeout": LOCK_TIMEOUT,
    "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
}
"""Of an analyst's sessions in this database; a role's settings do not reach its members."""

FORBIDDING = {
    LooseEnd.TEMPORARY_TABLES: """
        DO $$ BEGIN
            IF has_database_privilege('registry_analyst', current_database(), 'TEMP') THEN
                EXECUTE format('REVOKE TEMP ON DATABASE %I FROM PUBLIC', current_database());
            END IF;
            IF NOT has_database_privilege('registry_writer', current_database(), 'TEMP') THEN
                EXECUTE format(
                    'GRANT TEMP ON DATABASE %I TO registry_owner, registry_writer',
                    current_database()
                );
            END IF;
        END $$""",
    LooseEnd.TABLES_IN_PUBLIC: """
        DO $$ BEGIN
            IF has_schema_privilege('registry_analyst', 'public', 'CREATE') THEN
                REVOKE CREATE ON SCHEMA public FROM PUBLIC;
            END IF;
        END $$""",
    LooseEnd.LARGE_OBJECTS: """
        DO $$
        DECLARE
            routine regprocedure;
        BEGIN
            FOR routine IN SELECT oid FROM pg_proc
                WHERE pronamespace = 'pg_catalog'::regnamespace
                  AND proname IN ('lo_create', 'lo_creat', 'lo_from_bytea', 'lo_put', 'lowrite')
                  AND has_function_privilege('registry_analyst', oid, 'EXECUTE')
            LOOP
                EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
            END LOOP;
        END $$""",
    LooseEnd.LOCKS: """
        DO $$
        DECLARE
            routine regprocedure;
        BEGIN
            FOR routine IN SELECT oid FROM pg_proc
                WHERE pronamespace = 'pg_catalog'::regnamespace
                  AND proname ~ '^pg_(try_)?advisory_(xact_)?lock'
                  AND has_function_privilege('registry_analyst', oid, 'EXECUTE')
            LOOP
                EXECUTE format(
                    'GRANT EXECUTE ON FUNCTION %s TO registry_owner, registry_writer', routine
                );
                EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
            END LOOP;
        END $$""",
}
"""What takes rights from everybody, for rights of everybody cannot be taken from one role."""

STILL_ALLOWED = {
    LooseEnd.TEMPORARY_TABLES: "has_database_privilege('registry_analyst', current_database(), 'TEMP')",  # noqa: E501
    LooseEnd.TABLES_IN_PUBLIC: "has_schema_privilege('registry_analyst', 'public', 'CREATE')",
    LooseEnd.LARGE_OBJECTS: "has_function_privilege('registry_analyst', 'lo_create(oid)', 'EXECUTE')",  # noqa: E501
    LooseEnd.LOCKS: "has_function_privilege('registry_analyst', 'pg_advisory_lock(bigint)', 'EXECUTE')",  # noqa: E501
}
CREATE = """
DO $$ BEGIN
    CREATE ROLE {name} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- a command on another database of the server was faster
END $$
"""
