-- What a name stands for; a wrong one raises, with names that are near it.

CREATE FUNCTION registry_tables.near_words(given text, words text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- up to three words that share most pairs of letters with the given one; NULL where none shares a third of them
RETURN (
    SELECT string_agg(quote_literal(word), ', ' ORDER BY alike DESC, word)
    FROM (
        SELECT word, alike
        FROM (
            SELECT word, 2.0 * count(*) FILTER (
                WHERE position(substr(lower(word), place, 2) IN lower(given)) > 0
            ) / greatest(length(word) + length(given) - 2, 1) AS alike
            FROM unnest(words) AS word, generate_series(1, greatest(length(word) - 1, 1)) AS place
            WHERE word !~ '[[:cntrl:]]'
            GROUP BY word
        ) AS measured
        WHERE alike > 0.34
        ORDER BY alike DESC, word
        LIMIT 3
    ) AS nearest
);

CREATE FUNCTION registry_tables.raise_unknown(kind text, given text, near text, lister text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RAISE EXCEPTION 'no % is %', kind, coalesce('called ' || quote_literal(left(given, 300)), 'given, but NULL')
        USING ERRCODE = 'no_data_found', HINT = coalesce('near names: ' || near || '; ', '') || lister;
END $$;

CREATE FUNCTION registry.model_id(model text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    id integer;
    names text[];
BEGIN
    SELECT m.id INTO id FROM registry_tables.models AS m WHERE m.name = model_id.model
    ORDER BY m.fingerprint_version DESC LIMIT 1;
    IF FOUND THEN
        RETURN id;
    END IF;

    IF model ~ '^[0-9a-fA-F]{8,64}$' THEN
        SELECT array_agg(newest.name ORDER BY newest.name), min(newest.id) INTO names, id
        FROM (
            SELECT DISTINCT ON (m.digest) m.id, m.name
            FROM registry_tables.models AS m
            WHERE m.digest BETWEEN lower(model_id.model) AND rpad(lower(model_id.model), 64, 'f')
              AND starts_with(m.digest, lower(model_id.model))
            ORDER BY m.digest, m.fingerprint_version DESC
        ) AS newest;
        IF cardinality(names) = 1 THEN
            RETURN id;
        ELSIF cardinality(names) > 1 THEN
            RAISE EXCEPTION 'the digests of several models begin with %', quote_literal(model)
                USING ERRCODE = 'cardinality_violation',
                      HINT = 'give more digits, or a name: ' || array_to_string(names[1:5], ', ');
        END IF;
    END IF;

    -- near by their ends, for a million names are too many to measure
    SELECT array_agg(ending.name) INTO names
    FROM (
        SELECT DISTINCT m.name FROM registry_tables.models AS m
        WHERE lower(left(m.name, 2)) = lower(left(model_id.model, 2))
           OR lower(right(m.name, 2)) = lower(right(model_id.model, 2))
           OR position(lower(model_id.model) IN lower(m.name)) > 0
        LIMIT 2000
    ) AS ending;
    PERFORM registry_tables.raise_unknown(
        'model', model, registry_tables.near_words(model, names), 'SELECT name FROM registry.models lists all'
    );
END $$;

CREATE FUNCTION registry_tables.models_within(within text) RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    what text := split_part(within, ':', 1);
    word text := substr(within, length(split_part(within, ':', 1)) + 2);
    ids integer[];
BEGIN
    IF what = 'family' THEN
        SELECT array_agg(m.id) INTO ids
        FROM registry_tables.models AS m JOIN registry_tables.families AS f ON f.id = m.family_id
        WHERE f.name = word;
        IF ids IS NULL THEN
            PERFORM registry_tables.raise_unknown(
                'family', word,
                (SELECT registry_tables.near_words(word, array_agg(name)) FROM registry_tables.families),
                'SELECT name FROM registry.families lists all'
            );
        END IF;
    ELSIF what = 'tag' THEN
        SELECT array_agg(t.model_id) INTO ids FROM registry_tables.tags AS t WHERE t.tag = word;
        IF ids IS NULL THEN
            PERFORM registry_tables.raise_unknown(
                'tag', word,
                (SELECT registry_tables.near_words(word, array_agg(DISTINCT tag)) FROM registry_tables.tags),
                'SELECT DISTINCT tag FROM registry.tags lists all'
            );
        END IF;
    ELSIF what = 'architecture' THEN
        SELECT array_agg(m.id) INTO ids FROM registry_tables.models AS m WHERE m.architecture = word;
        IF ids IS NULL THEN
            PERFORM registry_tables.raise_unknown(
                'architecture', word,
                (SELECT registry_tables.near_words(word, array_agg(DISTINCT architecture)) FROM registry_tables.models),
                'SELECT DISTINCT architecture FROM registry.models lists all'
            );
        END IF;
    ELSIF what = 'descendants' THEN
        SELECT coalesce(array_agg(d.id), '{}') INTO ids
        FROM registry_tables.descendant_ids(registry.model_id(word)) AS d;
    ELSE
        RAISE EXCEPTION 'within => % says nothing', quote_literal(left(within, 300))
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'write family:NAME, tag:TAG, architecture:NAME or descendants:MODEL, or NULL for all';
    END IF;
    RETURN ids;
END $$;

CREATE FUNCTION registry_tables.check_by(by text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    ways CONSTANT text[] := ARRAY['std', 'clustering', 'recipe', 'residual_stream', 'tokens'];
BEGIN
    IF by IS NULL OR by <> ALL (ways) THEN
        RAISE EXCEPTION 'by => % is no distance', coalesce(quote_literal(left(by, 300)), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = coalesce('near: ' || registry_tables.near_words(by, ways) || '; ', '')
                      || 'write one of ' || array_to_string(ways, ', ');
    END IF;
END $$;
