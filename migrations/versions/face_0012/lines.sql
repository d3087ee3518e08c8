-- Down and up the current edges: once each, by the shortest path.

CREATE FUNCTION registry_tables.ancestor_ids(model_id integer) RETURNS TABLE (
    id integer, distance integer, relation text, path integer[]
) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE reached (id, distance) AS (
        SELECT $1, 0
        UNION
        SELECT e.parent_id, r.distance + 1
        FROM reached AS r
        JOIN registry_tables.edges AS e ON e.child_id = r.id AND e.superseded_at IS NULL
    ), nearest AS (
        SELECT r.id, min(r.distance) AS distance FROM reached AS r GROUP BY r.id
    ), steps AS (
        -- from below: a model has few parents, and may have very many children
        SELECT DISTINCT ON (n.id) n.id, n.distance, before.id AS via, e.relation
        FROM nearest AS before
        CROSS JOIN LATERAL (
            SELECT up.parent_id, up.main, up.relation FROM registry_tables.edges AS up
            WHERE up.child_id = before.id AND up.superseded_at IS NULL
            OFFSET 0
        ) AS e
        JOIN nearest AS n ON n.id = e.parent_id AND n.distance = before.distance + 1
        ORDER BY n.id, e.main DESC, before.id
    ), paths (id, distance, relation, path) AS (
        SELECT $1, 0, NULL::text, ARRAY[$1]
        UNION ALL
        SELECT s.id, s.distance, s.relation, s.id || p.path FROM paths AS p JOIN steps AS s ON s.via = p.id
    )
    SELECT p.id, p.distance, p.relation, p.path FROM paths AS p WHERE p.distance > 0;
END;

-- Paths are found from below: a model has few ancestors, and may have very many descendants.
CREATE FUNCTION registry_tables.descendant_ids(model_id integer) RETURNS TABLE (
    id integer, distance integer, relation text, path integer[]
) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE reached (id) AS (
        SELECT $1
        UNION
        SELECT e.child_id
        FROM reached AS r
        JOIN registry_tables.edges AS e ON e.parent_id = r.id AND e.superseded_at IS NULL
    )
    SELECT r.id, up.distance,
           (
               SELECT e.relation FROM registry_tables.edges AS e
               WHERE e.child_id = r.id AND e.parent_id = up.path[cardinality(up.path) - 1]
                 AND e.superseded_at IS NULL
           ), up.path
    FROM reached AS r
    CROSS JOIN LATERAL registry_tables.ancestor_ids(r.id) AS up
    WHERE up.id = $1;
END;

CREATE FUNCTION registry_tables.names_of(ids integer[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT array_agg(m.name ORDER BY step.place)
    FROM unnest(ids) WITH ORDINALITY AS step (id, place) JOIN registry_tables.models AS m ON m.id = step.id
);
