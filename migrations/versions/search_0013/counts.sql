-- How many models of a kind and version there are, and of how many families: kept while they come and go, for a verdict
-- says among how many it was found, and counting a million takes longer than finding it.

CREATE TABLE registry_tables.family_counts (
    kind text NOT NULL,
    fingerprint_version integer NOT NULL,
    family_id integer NOT NULL,
    models bigint NOT NULL,
    CONSTRAINT family_counts_pkey PRIMARY KEY (kind, fingerprint_version, family_id)
);

CREATE TABLE registry_tables.model_counts (
    kind text NOT NULL,
    fingerprint_version integer NOT NULL,
    models bigint NOT NULL,
    families bigint NOT NULL,
    CONSTRAINT model_counts_pkey PRIMARY KEY (kind, fingerprint_version)
);

-- Adds to the counts of families, each given once, and to the totals.
CREATE FUNCTION registry_tables.add_counts(kinds text[], versions integer[], families integer[], changes bigint[])
RETURNS void LANGUAGE sql
BEGIN ATOMIC
    WITH change AS (
        SELECT * FROM unnest(kinds, versions, families, changes) AS c (kind, fingerprint_version, family_id, models)
        WHERE c.models <> 0
    ), counted AS (
        INSERT INTO registry_tables.family_counts AS f (kind, fingerprint_version, family_id, models)
        SELECT c.kind, c.fingerprint_version, c.family_id, c.models FROM change AS c
        ORDER BY c.kind, c.fingerprint_version, c.family_id
        ON CONFLICT (kind, fingerprint_version, family_id) DO UPDATE SET models = f.models + excluded.models
        RETURNING kind, fingerprint_version, family_id, models
    )
    INSERT INTO registry_tables.model_counts AS t (kind, fingerprint_version, models, families)
    SELECT c.kind, c.fingerprint_version, sum(c.models),
           sum((n.models > 0)::integer - (n.models - c.models > 0)::integer)
    FROM change AS c
    JOIN counted AS n ON n.kind = c.kind AND n.fingerprint_version = c.fingerprint_version
        AND n.family_id = c.family_id
    GROUP BY c.kind, c.fingerprint_version
    ORDER BY c.kind, c.fingerprint_version
    ON CONFLICT (kind, fingerprint_version) DO UPDATE
        SET models = t.models + excluded.models, families = t.families + excluded.families;
END;

CREATE FUNCTION registry_tables.recount() RETURNS void LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM registry_tables.family_counts;
    DELETE FROM registry_tables.model_counts;
    SELECT registry_tables.add_counts(
        array_agg(c.kind), array_agg(c.fingerprint_version), array_agg(c.family_id), array_agg(c.models)
    )
    FROM (
        SELECT m.kind, m.fingerprint_version, m.family_id, count(*) AS models FROM registry_tables.models AS m
        GROUP BY m.kind, m.fingerprint_version, m.family_id
    ) AS c;
END;

CREATE FUNCTION registry_tables.count_models() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM registry_tables.add_counts(
            array_agg(c.kind), array_agg(c.fingerprint_version), array_agg(c.family_id), array_agg(c.models)
        )
        FROM (
            SELECT a.kind, a.fingerprint_version, a.family_id, count(*) AS models FROM added AS a
            GROUP BY a.kind, a.fingerprint_version, a.family_id
        ) AS c;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM registry_tables.add_counts(
            array_agg(c.kind), array_agg(c.fingerprint_version), array_agg(c.family_id), array_agg(c.models)
        )
        FROM (
            SELECT r.kind, r.fingerprint_version, r.family_id, -count(*) AS models FROM removed AS r
            GROUP BY r.kind, r.fingerprint_version, r.family_id
        ) AS c;
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM registry_tables.add_counts(
            array_agg(c.kind), array_agg(c.fingerprint_version), array_agg(c.family_id), array_agg(c.models)
        )
        FROM (
            SELECT u.kind, u.fingerprint_version, u.family_id, sum(u.models)::bigint AS models
            FROM (
                SELECT a.kind, a.fingerprint_version, a.family_id, 1 AS models FROM added AS a
                UNION ALL
                SELECT r.kind, r.fingerprint_version, r.family_id, -1 FROM removed AS r
            ) AS u
            GROUP BY u.kind, u.fingerprint_version, u.family_id
        ) AS c;
    ELSE
        PERFORM registry_tables.recount();
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER models_added AFTER INSERT ON registry_tables.models
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION registry_tables.count_models();
CREATE TRIGGER models_removed AFTER DELETE ON registry_tables.models
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION registry_tables.count_models();
CREATE TRIGGER models_changed AFTER UPDATE ON registry_tables.models
REFERENCING OLD TABLE AS removed NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION registry_tables.count_models();
CREATE TRIGGER models_emptied AFTER TRUNCATE ON registry_tables.models
FOR EACH STATEMENT EXECUTE FUNCTION registry_tables.count_models();
SELECT registry_tables.recount();
