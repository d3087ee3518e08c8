-- What the search computes with. A search group is all that can be neighbours of one another: one kind, one version of
-- fingerprints, one set of projections. It stands in the row that is searched, so that an index can keep to it.

CREATE FUNCTION registry_tables.search_group(kind text, fingerprint_version integer, projections text[])
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN fingerprint_version * 256 + (kind = 'adapter')::integer * 128
    + ('query' = ANY (projections))::integer + ('key' = ANY (projections))::integer * 2
    + ('value' = ANY (projections))::integer * 4 + ('output' = ANY (projections))::integer * 8
    + ('gate' = ANY (projections))::integer * 16 + ('up' = ANY (projections))::integer * 32
    + ('down' = ANY (projections))::integer * 64;

CREATE FUNCTION registry_tables.state_search_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_group := (
        SELECT registry_tables.search_group(m.kind, m.fingerprint_version, NEW.projections)
        FROM registry_tables.models AS m WHERE m.id = NEW.model_id
    );
    RETURN NEW;
END $$;

CREATE FUNCTION registry_tables.state_outline_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_group := (
        SELECT registry_tables.search_group(m.kind, m.fingerprint_version, '{}')
        FROM registry_tables.models AS m WHERE m.id = NEW.model_id
    );
    RETURN NEW;
END $$;

CREATE FUNCTION registry_tables.restate_search_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE registry_tables.fingerprints SET search_group = NULL WHERE model_id = NEW.id;
    UPDATE registry_tables.outlines SET search_group = NULL WHERE model_id = NEW.id;
    RETURN NULL;
END $$;

-- The std vector scaled to length 1 and mirrored at the plane across (1, ..., 1): distances stay, and a projection that
-- is missing is no plane of zeros, in which boxes have no volume and a tree of them no order. Groups are 4 apart.
CREATE FUNCTION registry_tables.search_point(std double precision[], search_group integer)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    place CONSTANT double precision := 4 * search_group;
    length CONSTANT double precision := sqrt(
        std[1] ^ 2 + std[2] ^ 2 + std[3] ^ 2 + std[4] ^ 2 + std[5] ^ 2 + std[6] ^ 2 + std[7] ^ 2
    );
    fold double precision;
BEGIN
    IF length = 0 THEN
        RETURN ARRAY[place, 0, 0, 0, 0, 0, 0];
    END IF;
    fold := (std[1] + std[2] + std[3] + std[4] + std[5] + std[6] + std[7]) / length * 2 / 7;
    RETURN ARRAY[
        std[1] / length - fold + place, std[2] / length - fold, std[3] / length - fold, std[4] / length - fold,
        std[5] / length - fold, std[6] / length - fold, std[7] / length - fold
    ];
END $$;

-- A number that is close for std vectors that are close: the bits of six coordinates in turn (Morton), of the unit vector
-- mirrored so that (1, ..., 1) is an axis, which is left out. A tree that takes points in this order has boxes that
-- overlap less, and looks into a third as many.
CREATE FUNCTION registry_tables.search_order(std double precision[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    length CONSTANT double precision := sqrt(
        std[1] ^ 2 + std[2] ^ 2 + std[3] ^ 2 + std[4] ^ 2 + std[5] ^ 2 + std[6] ^ 2 + std[7] ^ 2
    );
    fold double precision;
    steps integer[];
    place bigint := 0;
BEGIN
    IF length = 0 THEN
        RETURN 0;
    END IF;
    fold := ((std[1] + std[2] + std[3] + std[4] + std[5] + std[6] + std[7]) / sqrt(7.0::double precision) - std[1])
        / length / (sqrt(7.0::double precision) - 1);
    FOR axis IN 2..7 LOOP
        steps[axis] := floor(511.9 * (1 + greatest(-1, least(1, std[axis] / length - fold))));
    END LOOP;
    FOR bit IN REVERSE 9..0 LOOP
        FOR axis IN 2..7 LOOP
            place := 2 * place + ((steps[axis] >> bit) & 1);
        END LOOP;
    END LOOP;
    RETURN place;
END $$;

-- As registry.exact_cosine_distance, and 1 where one of the two is zero: a vector without a direction is like no other.
CREATE FUNCTION registry_tables.search_distance(a double precision[], b double precision[])
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    one CONSTANT double precision := sqrt(
        a[1] ^ 2 + a[2] ^ 2 + a[3] ^ 2 + a[4] ^ 2 + a[5] ^ 2 + a[6] ^ 2 + a[7] ^ 2
    );
    other CONSTANT double precision := sqrt(
        b[1] ^ 2 + b[2] ^ 2 + b[3] ^ 2 + b[4] ^ 2 + b[5] ^ 2 + b[6] ^ 2 + b[7] ^ 2
    );
BEGIN
    IF one = 0 OR other = 0 THEN
        RETURN 1;
    END IF;
    RETURN ((a[1] / one - b[1] / other) ^ 2 + (a[2] / one - b[2] / other) ^ 2 + (a[3] / one - b[3] / other) ^ 2
        + (a[4] / one - b[4] / other) ^ 2 + (a[5] / one - b[5] / other) ^ 2 + (a[6] / one - b[6] / other) ^ 2
        + (a[7] / one - b[7] / other) ^ 2) / 2;
END $$;

CREATE FUNCTION registry_tables.has_search_index(name text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (
    SELECT FROM pg_index WHERE indexrelid = to_regclass('registry_tables.' || quote_ident(name)) AND indisvalid
);

CREATE FUNCTION registry_tables.index_lists(name text) RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT substring(o FROM 'lists=([0-9]+)')::integer
    FROM pg_class, unnest(reloptions) AS o
    WHERE pg_class.oid = to_regclass('registry_tables.' || quote_ident(name)) AND o LIKE 'lists=%'
);

-- The k nearest of a group by std vector, and all that are as near as the k-th. An index, or single precision, gives a
-- few more than k in about the right order; what it has not given is at least as far as the last of them. While that
-- leaves room for a nearer one, more are asked for. (A box around the group in the query would keep the index to it, but
-- the planner takes boxes for rare, fetches all in it and sorts them.)
CREATE FUNCTION registry_tables.near_std(std double precision[], search_group integer, k integer)
RETURNS TABLE (model_id integer, distance double precision)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = registry_tables, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asked_std CONSTANT double precision[] := $1;
    asked_group CONSTANT integer := $2;
    by_cube CONSTANT boolean := has_search_index('fingerprints_point_search_idx');
    coarse_index CONSTANT text := format('fingerprints_std_%s_search_idx', asked_group);
    by_lists CONSTANT boolean := NOT by_cube AND has_search_index(coarse_index);
    rounding CONSTANT double precision := CASE WHEN by_cube THEN 1e-10 ELSE 1e-6 END;
    wanted integer := k + 8;
    query text;
    ids integer[];
    distances double precision[];
    reach double precision;
    farthest double precision;
BEGIN
    IF k < 1 OR asked_std IS NULL OR asked_group IS NULL THEN
        RETURN;
    END IF;
    IF by_cube THEN
        query := format(
            'SELECT f.model_id, f.std, cube(search_point(f.std, f.search_group)) <-> cube(search_point($1, %1$s)) AS far
            FROM fingerprints AS f
            ORDER BY cube(search_point(f.std, f.search_group)) <-> cube(search_point($1, %1$s)) LIMIT $2',
            asked_group
        );
    ELSE
        query := format(
            'SELECT f.model_id, f.std, f.std_vector <-> l2_normalize($1::vector(7)) AS far
            FROM fingerprints AS f WHERE f.search_group = %s
            ORDER BY f.std_vector <-> l2_normalize($1::vector(7)) LIMIT $2',
            asked_group
        );
    END IF;
    IF by_lists THEN
        PERFORM set_config('ivfflat.probes', greatest(10, index_lists(coarse_index) / 50)::text, true);
        wanted := greatest(8 * k, 200);
    END IF;

    LOOP
        EXECUTE format(
            'SELECT array_agg(n.model_id), array_agg(search_distance(n.std, $1)), max(n.far)
            FROM (%s) AS n WHERE n.far < 1.9',  -- farther ones are of other groups
            query
        ) INTO ids, distances, reach USING asked_std, wanted;
        SELECT d INTO farthest FROM unnest(distances) AS d ORDER BY d OFFSET k - 1 LIMIT 1;
        EXIT WHEN coalesce(cardinality(ids), 0) < wanted OR by_lists
            OR reach ^ 2 / 2 - rounding * (reach + rounding) > farthest;
        wanted := 4 * wanted;
    END LOOP;
    RETURN QUERY
    SELECT n.id, n.d FROM unnest(ids, distances) AS n (id, d) WHERE farthest IS NULL OR n.d <= farthest;
END $$;

CREATE OR REPLACE FUNCTION registry.nearest_fingerprints(
    std double precision[], shares double precision[], projections text[], kind text, fingerprint_version integer,
    k integer
) RETURNS TABLE (
    model text, family text, digest text, std_distance double precision, clustering_distance double precision
) LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT m.name, g.name, m.digest, n.distance AS by_std,
           registry_tables.search_distance(c.shares, $2) AS by_clustering
    FROM registry_tables.near_std($1, registry_tables.search_group($4, $5, $3), $6) AS n
    JOIN registry_tables.models AS m ON m.id = n.model_id
    JOIN registry_tables.families AS g ON g.id = m.family_id
    JOIN registry_tables.clusterings AS c ON c.model_id = m.id AND c.rank = 16
    ORDER BY by_std, by_clustering, m.name
    LIMIT $6;
END;

-- The k models of a kind and version whose outline of any kind is nearest, and its cosine; without an index all are
-- looked at. Lists of an index that are not looked into hold what it misses: mostly models that are somewhat like the
-- one in question, whose std vectors are among the nearest and not far away. These are looked at too.
CREATE FUNCTION registry_tables.near_outlines(
    start public.halfvec, stream public.halfvec, token public.halfvec, std double precision[], projections text[],
    kind text, fingerprint_version integer, k integer
) RETURNS TABLE (model_id integer, cosine double precision)
LANGUAGE plpgsql STABLE ROWS 128 SET search_path = registry_tables, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    others CONSTANT integer := 128;
    around CONSTANT double precision := 0.08;  -- how far std vectors of unit length are that are looked at
    std_group CONSTANT integer := search_group($6, $7, $5);
    bitmaps text;
    outline_group CONSTANT integer := search_group($6, $7, '{}');
    index_name text;
    candidates integer[] := '{}';
    near integer[];
    outline record;
BEGIN
    FOR outline IN
        SELECT o.column_name, o.vector
        FROM (VALUES ('start', $1), ('stream', $2), ('token', $3)) AS o (column_name, vector)
        WHERE o.vector IS NOT NULL
    LOOP
        index_name := format('outlines_%s_%s_search_idx', outline.column_name, outline_group);
        IF NOT has_search_index(index_name) THEN
            RETURN QUERY EXECUTE format(
                'SELECT n.model_id, -n.far FROM (
                    SELECT o.model_id, least(o.start <#> $1, o.stream <#> $2, o.token <#> $3) AS far
                    FROM outlines AS o WHERE o.search_group = %s
                ) AS n ORDER BY n.far, n.model_id LIMIT $4',
                outline_group
            ) USING $1, $2, $3, $8;
            RETURN;
        END IF;
        PERFORM set_config('ivfflat.probes', greatest(4, index_lists(index_name) / 200)::text, true);
        EXECUTE format(
            'SELECT array_agg(n.model_id) FROM (
                SELECT o.model_id FROM outlines AS o WHERE o.search_group = %s
                ORDER BY o.%I <#> $1 LIMIT $2
            ) AS n',
            outline_group, outline.column_name
        ) INTO near USING outline.vector, $8;
        candidates := candidates || near;
    END LOOP;

    IF has_search_index('fingerprints_point_search_idx') THEN
        bitmaps := current_setting('enable_bitmapscan');
        PERFORM set_config('enable_bitmapscan', 'off', true);  -- which fetches all of the box, however many
        EXECUTE format(
            'SELECT array_agg(n.model_id) FROM (
                SELECT f.model_id FROM fingerprints AS f
                WHERE cube(search_point(f.std, f.search_group)) <@ cube_enlarge(cube(search_point($1, %1$s)), $2, 7)
                ORDER BY cube(search_point(f.std, f.search_group)) <-> cube(search_point($1, %1$s)) LIMIT $3
            ) AS n',
            std_group
        ) INTO near USING $4, around, others;
        PERFORM set_config('enable_bitmapscan', bitmaps, true);
    ELSE
        SELECT array_agg(n.model_id) INTO near
        FROM (
            SELECT n.model_id FROM near_std($4, std_group, others) AS n
            ORDER BY n.distance, n.model_id LIMIT 2 * others
        ) AS n;
    END IF;
    candidates := candidates || near;
    RETURN QUERY
    SELECT n.model_id, -n.far
    FROM (
        SELECT o.model_id, least(o.start <#> $1, o.stream <#> $2, o.token <#> $3) AS far
        FROM (SELECT DISTINCT c.id FROM unnest(candidates) AS c (id)) AS c
        JOIN outlines AS o ON o.model_id = c.id AND o.search_group = outline_group
    ) AS n
    ORDER BY n.far, n.model_id LIMIT $8;
END $$;

-- The k models of a kind and version whose outline in their own axes is nearest, nearest first.
CREATE FUNCTION registry_tables.near_own(own public.halfvec, kind text, fingerprint_version integer, k integer)
RETURNS TABLE (model_id integer, distance double precision)
LANGUAGE plpgsql STABLE ROWS 12 SET search_path = registry_tables, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    outline_group CONSTANT integer := search_group($2, $3, '{}');
    index_name CONSTANT text := format('outlines_own_%s_search_idx', outline_group);
    others integer := k;
BEGIN
    IF has_search_index(index_name) THEN
        PERFORM set_config('ivfflat.probes', greatest(10, index_lists(index_name) / 50)::text, true);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT n.model_id, n.distance FROM (
            SELECT o.model_id, o.own <-> $1 AS distance FROM outlines AS o
            WHERE o.search_group = %s AND o.own IS NOT NULL ORDER BY o.own <-> $1 LIMIT $2
        ) AS n ORDER BY n.distance, n.model_id',
        outline_group
    ) USING $1, others;
END $$;
