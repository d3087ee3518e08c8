-- The functions that analysts call, each above what it stands on.

CREATE FUNCTION registry.descendants(model text) RETURNS TABLE (
    descendant text, kind text, family text, distance integer, relation text, path text[], fingerprint_version integer
) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    root CONSTANT integer := registry.model_id(model);
BEGIN
    RETURN QUERY
    WITH line AS MATERIALIZED (SELECT down.* FROM registry_tables.descendant_ids(root) AS down)
    SELECT m.name, m.kind, f.name, d.distance, d.relation, registry_tables.names_of(d.path), m.fingerprint_version
    FROM line AS d
    JOIN registry_tables.models AS m ON m.id = d.id
    JOIN registry_tables.families AS f ON f.id = m.family_id
    ORDER BY d.distance, m.name;
END $$;

CREATE FUNCTION registry.ancestors(model text) RETURNS TABLE (
    ancestor text, kind text, family text, distance integer, relation text, path text[], fingerprint_version integer
) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    leaf CONSTANT integer := registry.model_id(model);
BEGIN
    RETURN QUERY
    SELECT m.name, m.kind, f.name, a.distance, a.relation, registry_tables.names_of(a.path), m.fingerprint_version
    FROM registry_tables.ancestor_ids(leaf) AS a
    JOIN registry_tables.models AS m ON m.id = a.id
    JOIN registry_tables.families AS f ON f.id = m.family_id
    ORDER BY a.distance, m.name;
END $$;

CREATE FUNCTION registry.relation(a text, b text) RETURNS TABLE (
    relation text, distance integer, common_ancestor text, path text[]
) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    id_of_one CONSTANT integer := registry.model_id(a);  -- raises in an empty registry, too
    id_of_other CONSTANT integer := registry.model_id(b);
    one registry_tables.models%ROWTYPE;
    other registry_tables.models%ROWTYPE;
BEGIN
    SELECT * INTO STRICT one FROM registry_tables.models AS m WHERE m.id = id_of_one;
    SELECT * INTO STRICT other FROM registry_tables.models AS m WHERE m.id = id_of_other;
    IF one.id = other.id THEN
        RETURN QUERY SELECT 'same model', 0, one.name, ARRAY[one.name];
        RETURN;
    ELSIF coalesce(one.cast_digest, one.digest) = coalesce(other.cast_digest, other.digest) THEN
        RETURN QUERY SELECT 'same weights', 0, NULL::text, ARRAY[one.name, other.name];
        RETURN;
    END IF;

    RETURN QUERY
    WITH ours AS (
        SELECT up.id, up.distance, up.path FROM registry_tables.ancestor_ids(one.id) AS up
        UNION ALL SELECT one.id, 0, ARRAY[one.id]
    ), theirs AS (
        SELECT up.id, up.distance, up.path FROM registry_tables.ancestor_ids(other.id) AS up
        UNION ALL SELECT other.id, 0, ARRAY[other.id]
    )
    SELECT CASE WHEN theirs.distance = 0 THEN 'descendant' WHEN ours.distance = 0 THEN 'ancestor'
                ELSE 'common ancestor' END,
           ours.distance + theirs.distance, m.name,
           -- from a up to the common ancestor and down to b
           registry_tables.names_of(
               (SELECT array_agg(step.id ORDER BY step.place DESC)
                FROM unnest(ours.path) WITH ORDINALITY AS step (id, place)) || theirs.path[2:]
           )
    FROM ours JOIN theirs ON theirs.id = ours.id JOIN registry_tables.models AS m ON m.id = ours.id
    ORDER BY ours.distance + theirs.distance, m.name
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN QUERY
        SELECT CASE WHEN one.family_id = other.family_id THEN 'same family' ELSE 'none known' END,
               NULL::integer, NULL::text, NULL::text[];
    END IF;
END $$;

-- Distances, each of two models by their ids; NULL where the two have nothing to compare.

CREATE FUNCTION registry_tables.distance_over(a double precision[], b double precision[], counted boolean[])
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- of fewer than two entries every cosine is 1; a vector of zeros is at 1 from any
RETURN (
    SELECT CASE
        WHEN count(*) < 2 THEN NULL
        WHEN bool_and(x = 0) OR bool_and(y = 0) THEN 1
        ELSE registry.exact_cosine_distance(array_agg(x ORDER BY place), array_agg(y ORDER BY place))
    END
    FROM unnest(a, b, counted) WITH ORDINALITY AS entry (x, y, counts, place)
    WHERE counts
);

CREATE FUNCTION registry_tables.std_distance(a integer, b integer) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT registry_tables.distance_over(
        x.std, y.std, ARRAY(SELECT one > 0 AND other > 0 FROM unnest(x.std, y.std) AS entry (one, other))
    )
    FROM registry_tables.fingerprints AS x, registry_tables.fingerprints AS y
    WHERE x.model_id = a AND y.model_id = b
);

CREATE FUNCTION registry_tables.clustering_distance(a integer, b integer) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT registry_tables.distance_over(
        x.shares, y.shares,
        ARRAY(
            SELECT projection = ANY (f.projections) AND projection = ANY (g.projections)
            FROM unnest(ARRAY['query', 'key', 'value', 'output', 'gate', 'up', 'down']) AS projection
        )
    )
    FROM registry_tables.clusterings AS x
    JOIN registry_tables.fingerprints AS f ON f.model_id = x.model_id,
         registry_tables.clusterings AS y
    JOIN registry_tables.fingerprints AS g ON g.model_id = y.model_id
    WHERE x.model_id = a AND x.rank = 16 AND y.model_id = b AND y.rank = 16
);

CREATE FUNCTION registry_tables.recipe_profiles(ids integer[]) RETURNS TABLE (
    model_id integer, projection text, profile double precision[]
) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- per projection the mean over layers of log(sigma_i / (std sqrt(longer side))), i = 1 to 8
    SELECT measured.model_id, measured.projection, array_agg(measured.mean ORDER BY measured.rank)
    FROM (
        SELECT x.model_id, x.projection, value.rank,
               avg(ln(value.sigma / (x.std * sqrt(greatest(x.rows, x.cols))))) AS mean
        FROM registry_tables.matrices AS x
        CROSS JOIN LATERAL unnest(x.singular_values[1:8]) WITH ORDINALITY AS value (sigma, rank)
        WHERE x.model_id = ANY (ids) AND x.singular_values[8] > 0 AND x.std > 0
        GROUP BY x.model_id, x.projection, value.rank
    ) AS measured
    GROUP BY measured.model_id, measured.projection;
END;

CREATE FUNCTION registry_tables.recipe_distances(model_id integer, ids integer[]) RETURNS TABLE (
    id integer, distance double precision
) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- the rms difference of two profiles; models with other projections have none
    WITH ours AS MATERIALIZED (
        SELECT p.projection, p.profile FROM registry_tables.recipe_profiles(ARRAY[$1]) AS p
    )
    SELECT theirs.model_id, sqrt(avg((entry.one - entry.other) ^ 2))
    FROM registry_tables.recipe_profiles(ids) AS theirs
    LEFT JOIN ours ON ours.projection = theirs.projection
    CROSS JOIN LATERAL unnest(ours.profile, theirs.profile) AS entry (one, other)
    GROUP BY theirs.model_id
    HAVING count(DISTINCT theirs.projection) = (SELECT count(*) FROM ours) AND bool_and(ours.profile IS NOT NULL);
END;

CREATE FUNCTION registry_tables.outline_distance(a integer, b integer, by text) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT nullif(
        CASE by WHEN 'residual_stream' THEN x.stream <=> y.stream WHEN 'tokens' THEN x.token <=> y.token END, 'NaN'
    )
    FROM registry_tables.outlines AS x, registry_tables.outlines AS y
    WHERE x.model_id = a AND y.model_id = b
);

CREATE FUNCTION registry_tables.distance_by(a integer, b integer, by text) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE by
    WHEN 'std' THEN registry_tables.std_distance(a, b)
    WHEN 'clustering' THEN registry_tables.clustering_distance(a, b)
    WHEN 'recipe' THEN (SELECT r.distance FROM registry_tables.recipe_distances(a, ARRAY[b]) AS r)
    ELSE registry_tables.outline_distance(a, b, by)
END;

CREATE FUNCTION registry.distance(a text, b text, by text DEFAULT 'std') RETURNS double precision
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    id_of_one CONSTANT integer := registry.model_id(a);  -- raises in an empty registry, too
    id_of_other CONSTANT integer := registry.model_id(b);
    one registry_tables.models%ROWTYPE;
    other registry_tables.models%ROWTYPE;
BEGIN
    PERFORM registry_tables.check_by(by);
    SELECT * INTO STRICT one FROM registry_tables.models AS m WHERE m.id = id_of_one;
    SELECT * INTO STRICT other FROM registry_tables.models AS m WHERE m.id = id_of_other;
    IF one.fingerprint_version <> other.fingerprint_version THEN
        RAISE EXCEPTION 'the fingerprints of % and % are of versions % and %, which are not compared',
            quote_literal(a), quote_literal(b), one.fingerprint_version, other.fingerprint_version
            USING ERRCODE = 'invalid_parameter_value', HINT = '`registry upgrade` reads models of old versions again';
    ELSIF one.kind <> other.kind THEN
        RAISE EXCEPTION '% and % are of the kinds % and %, which are not compared',
            quote_literal(a), quote_literal(b), one.kind, other.kind
            USING ERRCODE = 'invalid_parameter_value', HINT = 'give two models, or two adapters';
    END IF;
    RETURN registry_tables.distance_by(one.id, other.id, by);
END $$;

-- The k nearest by each of the distances, as ids. Vectors: single-precision distances leave out what is surely farther
-- than the k-th, exact ones put the rest in order.

CREATE FUNCTION registry_tables.nearest_by_vector(model_id integer, by text, k integer, ids integer[])
RETURNS TABLE (id integer, distance double precision) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH ours AS MATERIALIZED (
        SELECT m.id, m.kind, m.fingerprint_version, f.projections,
               CASE by WHEN 'std' THEN f.std ELSE c.shares END AS numbers,
               CASE by WHEN 'std' THEN f.std_vector ELSE c.vector END AS vector
        FROM registry_tables.models AS m
        JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
        JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
        WHERE m.id = $1
    ), rough AS MATERIALIZED (
        SELECT m.id, CASE by WHEN 'std' THEN f.std ELSE c.shares END AS numbers,
               CASE by WHEN 'std' THEN f.std_vector ELSE c.vector END <=> ours.vector AS distance
        FROM ours
        JOIN registry_tables.models AS m
            ON m.kind = ours.kind AND m.fingerprint_version = ours.fingerprint_version AND m.id <> ours.id
        JOIN registry_tables.fingerprints AS f ON f.model_id = m.id AND f.projections = ours.projections
        JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
        WHERE ids IS NULL OR m.id = ANY (ids)
    ), bound AS (
        SELECT max(kth.distance) + 1e-5 AS distance
        FROM (SELECT r.distance FROM rough AS r ORDER BY r.distance LIMIT k) AS kth
    )
    SELECT r.id, registry.exact_cosine_distance(r.numbers, ours.numbers) AS exact
    FROM rough AS r, bound, ours
    WHERE r.distance <= bound.distance
    ORDER BY exact, r.id
    LIMIT k;
END;

CREATE FUNCTION registry_tables.nearest_by_recipe(model_id integer, k integer, ids integer[])
RETURNS TABLE (id integer, distance double precision) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.id, r.distance
    FROM registry_tables.recipe_distances($1, ARRAY(
        SELECT m.id
        FROM registry_tables.models AS ours
        JOIN registry_tables.models AS m
            ON m.kind = ours.kind AND m.fingerprint_version = ours.fingerprint_version AND m.id <> ours.id
        WHERE ours.id = $1 AND (ids IS NULL OR m.id = ANY (ids))
    )) AS r
    ORDER BY r.distance, r.id
    LIMIT k;
END;

CREATE FUNCTION registry_tables.nearest_by_outline(model_id integer, by text, k integer, ids integer[])
RETURNS TABLE (id integer, distance double precision) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- the sum keeps an approximate index, if somebody made one, from answering
    WITH measured AS (
        SELECT m.id, nullif(
            CASE by WHEN 'tokens' THEN o.token <=> mine.token ELSE o.stream <=> mine.stream END, 'NaN'
        ) + 0 AS distance
        FROM registry_tables.models AS ours
        JOIN registry_tables.outlines AS mine ON mine.model_id = ours.id
        JOIN registry_tables.models AS m
            ON m.kind = ours.kind AND m.fingerprint_version = ours.fingerprint_version AND m.id <> ours.id
        JOIN registry_tables.outlines AS o ON o.model_id = m.id
        WHERE ours.id = $1 AND (ids IS NULL OR m.id = ANY (ids))
    )
    SELECT x.id, x.distance FROM measured AS x WHERE x.distance IS NOT NULL ORDER BY x.distance, x.id LIMIT k;
END;

CREATE FUNCTION registry_tables.nearest_by_std(model_id integer, k integer)
RETURNS TABLE (id integer, distance double precision) LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT other.id, n.std_distance
    FROM registry_tables.models AS m
    JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
    JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
    CROSS JOIN LATERAL registry.nearest_fingerprints(
        f.std, c.shares, f.projections, m.kind, m.fingerprint_version, $2 + 1
    ) AS n
    JOIN registry_tables.models AS other
        ON other.name = n.model AND other.fingerprint_version = m.fingerprint_version
    WHERE m.id = $1 AND other.id <> m.id
    ORDER BY n.std_distance, n.clustering_distance, n.model
    LIMIT $2;
END;

CREATE FUNCTION registry.nearest_models(
    model text, k integer DEFAULT 10, by text DEFAULT 'std', within text DEFAULT NULL
) RETURNS TABLE (
    neighbour text, family text, distance double precision, std_distance double precision,
    clustering_distance double precision, fingerprint_version integer
) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    root CONSTANT integer := registry.model_id(model);
    ids integer[];
    near integer[];
    distances double precision[];
BEGIN
    PERFORM registry_tables.check_by(by);
    IF k IS NULL OR k < 1 THEN
        RAISE EXCEPTION 'k => % asks for no model', coalesce(k::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'give a number from 1';
    END IF;
    k := least(k, 1000000);  -- sums of it are numbers, too
    IF within IS NOT NULL THEN
        ids := registry_tables.models_within(within);
    END IF;

    IF by = 'std' AND ids IS NULL THEN
        SELECT array_agg(n.id), array_agg(n.distance) INTO near, distances
        FROM registry_tables.nearest_by_std(root, k) AS n;
    ELSIF by IN ('std', 'clustering') THEN
        SELECT array_agg(n.id), array_agg(n.distance) INTO near, distances
        FROM registry_tables.nearest_by_vector(root, by, k, ids) AS n;
    ELSIF by = 'recipe' THEN
        SELECT array_agg(n.id), array_agg(n.distance) INTO near, distances
        FROM registry_tables.nearest_by_recipe(root, k, ids) AS n;
    ELSE
        SELECT array_agg(n.id), array_agg(n.distance) INTO near, distances
        FROM registry_tables.nearest_by_outline(root, by, k, ids) AS n;
    END IF;

    RETURN QUERY
    SELECT m.name, f.name, n.distance, measured.by_std, measured.by_clustering, m.fingerprint_version
    FROM unnest(near, distances) AS n (id, distance)
    JOIN registry_tables.models AS m ON m.id = n.id
    JOIN registry_tables.families AS f ON f.id = m.family_id
    CROSS JOIN LATERAL (
        SELECT registry_tables.std_distance(root, m.id) AS by_std,
               registry_tables.clustering_distance(root, m.id) AS by_clustering
    ) AS measured
    ORDER BY n.distance, measured.by_std, measured.by_clustering, m.name;
END $$;

CREATE FUNCTION registry.model_profile(model text) RETURNS TABLE (
    projection text, matrices bigint, parameters bigint, std double precision, clustering double precision,
    mean double precision, skewness double precision, kurtosis double precision, zero_share double precision,
    largest_singular_value double precision, recipe double precision[], fingerprint_version integer
) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    root CONSTANT integer := registry.model_id(model);
BEGIN
    RETURN QUERY
    SELECT entry.projection, count(*), sum(x.rows::bigint * x.cols)::bigint, entry.std, entry.share, avg(x.mean),
           avg(x.skewness), avg(x.kurtosis), avg(x.zero_share), avg(x.singular_values[1]), r.profile,
           m.fingerprint_version
    FROM registry_tables.models AS m
    JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
    JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
    CROSS JOIN LATERAL unnest(
        ARRAY['query', 'key', 'value', 'output', 'gate', 'up', 'down'], f.std, c.shares
    ) WITH ORDINALITY AS entry (projection, std, share, place)
    JOIN registry_tables.matrices AS x ON x.model_id = m.id AND x.projection = entry.projection
    LEFT JOIN registry_tables.recipe_profiles(ARRAY[root]) AS r ON r.projection = entry.projection
    WHERE m.id = root
    GROUP BY entry.projection, entry.std, entry.share, entry.place, r.profile, m.fingerprint_version
    ORDER BY entry.place;
END $$;
