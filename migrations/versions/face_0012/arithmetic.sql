-- What views and functions compute with; every name is qualified, so that no search_path matters.

CREATE FUNCTION registry.exact_cosine_distance(a double precision[], b double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
-- 1 - cos(a, b) as |a/|a| - b/|b||^2 / 2, which keeps its digits where the two nearly agree
RETURN (
    SELECT sum((x / norms.a - y / norms.b) ^ 2) / 2
    FROM unnest(a, b) AS entry (x, y),
         (
             SELECT nullif(sqrt(sum(x * x)), 0) AS a, nullif(sqrt(sum(y * y)), 0) AS b
             FROM unnest(a, b) AS entry (x, y)
         ) AS norms
);

-- As registry.numerics.histograms: a bin is an eighth of the way from one power of two to the next, from 2^-24 to 2^8.
CREATE FUNCTION registry.histogram_edges() RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    WITH side AS (
        SELECT 2.0::double precision ^ power * (1 + eighth / 8.0::double precision) AS edge
        FROM generate_series(-24, 7) AS power, generate_series(0, 7) AS eighth
        UNION ALL SELECT 256
    )
    SELECT array_agg(edge ORDER BY edge) FROM (SELECT edge FROM side UNION ALL SELECT -edge FROM side) AS both_sides
);

CREATE FUNCTION registry.nearest_fingerprints(
    std double precision[], shares double precision[], projections text[], kind text, fingerprint_version integer,
    k integer
) RETURNS TABLE (
    model text, family text, digest text, std_distance double precision, clustering_distance double precision
) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- a shortlist by single-precision pgvector distance, put in order by the exact one
    WITH shortlist AS (
        SELECT f.model_id, f.std
        FROM registry_tables.fingerprints AS f JOIN registry_tables.models AS m ON m.id = f.model_id
        WHERE m.fingerprint_version = nearest_fingerprints.fingerprint_version
          AND f.projections = nearest_fingerprints.projections AND m.kind = nearest_fingerprints.kind
        ORDER BY f.std_vector <=> l2_normalize($1::vector(7))
        LIMIT greatest(4 * k, 100)
    )
    SELECT m.name, g.name, m.digest, registry.exact_cosine_distance(s.std, $1) AS by_std,
           registry.exact_cosine_distance(c.shares, $2) AS by_clustering
    FROM shortlist AS s
    JOIN registry_tables.models AS m ON m.id = s.model_id
    JOIN registry_tables.families AS g ON g.id = m.family_id
    JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
    ORDER BY by_std, by_clustering, m.name
    LIMIT k;
END;
