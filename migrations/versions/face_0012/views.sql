-- The views of schema registry: names, not numbers. Each row says which fingerprint version it is of.

CREATE VIEW registry.models AS
SELECT m.id, m.name, m.kind, f.name AS family, m.family_set, m.source, m.revision, m.declared_base, m.architecture,
       m.dtype, m.parameters, m.layers, m.hidden_size, m.digest, m.cast_digest, m.fingerprint_version, m.tool_version,
       m.ingested_at, m.family_id
FROM registry_tables.models AS m
JOIN registry_tables.families AS f ON f.id = m.family_id;

CREATE VIEW registry.families AS
SELECT f.name, count(m.id) FILTER (WHERE m.kind = 'model') AS models,
       count(m.id) FILTER (WHERE m.kind = 'adapter') AS adapters,
       coalesce(array_agg(m.name ORDER BY m.name, m.fingerprint_version) FILTER (WHERE m.id IS NOT NULL), '{}')
           AS members,
       coalesce(
           array_agg(m.name ORDER BY m.name, m.fingerprint_version) FILTER (
               WHERE m.kind = 'model' AND NOT EXISTS (
                   SELECT FROM registry_tables.edges AS e WHERE e.child_id = m.id AND e.superseded_at IS NULL
               )
           ), '{}'
       ) AS roots,
       coalesce(array_agg(DISTINCT m.fingerprint_version) FILTER (WHERE m.id IS NOT NULL), '{}')
           AS fingerprint_versions,
       min(m.ingested_at) AS first_ingested_at, max(m.ingested_at) AS last_ingested_at, f.created_at
FROM registry_tables.families AS f
LEFT JOIN registry_tables.models AS m ON m.family_id = f.id
GROUP BY f.id;

CREATE VIEW registry.verdicts AS
SELECT m.name AS model, m.kind, g.name AS family, m.fingerprint_version, v.verdict, v.base, v.family AS base_family,
       v.closest, v.how, v.changes, v.score, v.p_value AS p, v.chance AS family_wise_p, v.candidates, v.evidence,
       v.direction, v.relatives, v.judged_at, v.due
FROM registry_tables.verdicts AS v
JOIN registry_tables.models AS m ON m.id = v.model_id
JOIN registry_tables.families AS g ON g.id = m.family_id;

CREATE VIEW registry.edges AS
SELECT c.name AS child, p.name AS parent, e.relation, e.direction, e.reason, e.main, e.p_value AS p, e.score,
       e.explained, e.evidence, e.changes, e.judged_at, e.fingerprint_version, e.superseded_at, e.because,
       e.superseded_at IS NULL AS current, cf.name AS child_family, pf.name AS parent_family,
       c.fingerprint_version AS child_version, p.fingerprint_version AS parent_version, e.id
FROM registry_tables.edges AS e
JOIN registry_tables.models AS c ON c.id = e.child_id
JOIN registry_tables.families AS cf ON cf.id = c.family_id
JOIN registry_tables.models AS p ON p.id = e.parent_id
JOIN registry_tables.families AS pf ON pf.id = p.family_id;

-- Of each model the way up, so that a question about one model walks no other's.
CREATE VIEW registry.lineage AS
SELECT a.name AS ancestor, d.name AS descendant, up.distance,
       (
           SELECT e.relation FROM registry_tables.edges AS e
           WHERE e.child_id = d.id AND e.parent_id = up.path[cardinality(up.path) - 1] AND e.superseded_at IS NULL
       ) AS relation,
       registry_tables.names_of(up.path) AS path,
       af.name AS ancestor_family, df.name AS descendant_family, a.fingerprint_version AS ancestor_version,
       d.fingerprint_version
FROM registry_tables.models AS d
JOIN registry_tables.families AS df ON df.id = d.family_id
CROSS JOIN LATERAL registry_tables.ancestor_ids(d.id) AS up
JOIN registry_tables.models AS a ON a.id = up.id
JOIN registry_tables.families AS af ON af.id = a.family_id;

CREATE VIEW registry.sources AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, s.name, s.source, s.revision, s.host, s.size,
       s.format, s.first_seen, s.last_seen, m.digest, s.id
FROM registry_tables.sources AS s
JOIN registry_tables.models AS m ON m.id = s.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id;

-- What a claimed base means, as `registry claims` has it: case, revision and the file after a colon count for nothing; a
-- model's own name counts before those of its sources, and the last part of a name where nothing bears the whole.
CREATE VIEW registry.claims AS
WITH borne AS (
    SELECT lower(split_part(name, '@', 1)) AS key, id, fingerprint_version, 1 AS place FROM registry_tables.models
    UNION ALL
    SELECT lower(split_part(s.name, '@', 1)), m.id, m.fingerprint_version, 2
    FROM registry_tables.sources AS s JOIN registry_tables.models AS m ON m.id = s.model_id
    UNION ALL
    SELECT split_part(lower(split_part(s.source, '@', 1)), ':', 1), m.id, m.fingerprint_version, 3
    FROM registry_tables.sources AS s JOIN registry_tables.models AS m ON m.id = s.model_id
), whole AS (
    SELECT DISTINCT ON (key) key, id FROM borne ORDER BY key, place, fingerprint_version DESC, id
), parts AS (
    SELECT DISTINCT ON (part) regexp_replace(key, '^.*/', '') AS part, id
    FROM borne ORDER BY part, place, fingerprint_version DESC, id
), asked AS (
    SELECT c.id, lower(split_part(c.value, '@', 1)) AS key FROM registry_tables.claims AS c
    WHERE c.claim = 'base_model'
)
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, c.claim, c.value, c.made_by,
       s.name AS source_name, s.source, registered.name AS registered, registered_in.name AS registered_family,
       CASE WHEN registered.id IS NOT NULL THEN whole.id IS NULL END AS by_last_part, c.seen_at,
       coalesce(c.seen_at < s.last_seen, false) AS withdrawn, c.id
FROM registry_tables.claims AS c
JOIN registry_tables.models AS m ON m.id = c.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id
LEFT JOIN registry_tables.sources AS s ON s.id = c.source_id
LEFT JOIN asked ON asked.id = c.id
LEFT JOIN whole ON whole.key = asked.key
LEFT JOIN parts ON parts.part = regexp_replace(asked.key, '^.*/', '')
LEFT JOIN registry_tables.models AS registered ON registered.id = coalesce(whole.id, parts.id)
LEFT JOIN registry_tables.families AS registered_in ON registered_in.id = registered.family_id;

CREATE VIEW registry.duplicates AS
WITH copies AS (
    SELECT coalesce(m.cast_digest, m.digest) AS bf16_digest, m.kind, m.fingerprint_version, m.id, m.name, m.digest,
           s.id AS source_id, s.name AS source_name, s.source, s.host
    FROM registry_tables.models AS m
    LEFT JOIN registry_tables.sources AS s ON s.model_id = m.id
)
SELECT bf16_digest, kind, fingerprint_version,
       CASE WHEN count(DISTINCT digest) = 1 THEN 'equal' ELSE 'equal once cast to bf16' END AS equality,
       array_agg(DISTINCT name) AS models,
       coalesce(array_agg(DISTINCT source_name) FILTER (WHERE source_id IS NOT NULL), '{}') AS names,
       coalesce(array_agg(DISTINCT source) FILTER (WHERE source_id IS NOT NULL), '{}') AS sources,
       count(DISTINCT id) AS model_count,
       count(DISTINCT (source_name, source, host)) FILTER (WHERE source_id IS NOT NULL) AS source_count
FROM copies
GROUP BY bf16_digest, kind, fingerprint_version
HAVING count(DISTINCT id) > 1
    OR count(DISTINCT (source_name, source, host)) FILTER (WHERE source_id IS NOT NULL) > 1;

CREATE VIEW registry.matrices AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, x.position, x.layer, x.projection, x.expert,
       x.tensor, x.rows, x.cols, x.mean, x.std, x.skewness, x.kurtosis, x.min, x.max, x.nonfinite, x.zero_share,
       x.distinct_share, x.singular_values, x.bounds, x.digest, x.cast_digest
FROM registry_tables.matrices AS x
JOIN registry_tables.models AS m ON m.id = x.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id;

CREATE VIEW registry.spectra AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, x.position, x.layer, x.projection, x.expert,
       x.tensor, value.rank::integer AS rank, value.singular_value, value.bound,
       value.singular_value / nullif(x.std * sqrt(greatest(x.rows, x.cols)), 0) AS scaled
FROM registry_tables.matrices AS x
JOIN registry_tables.models AS m ON m.id = x.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id
CROSS JOIN LATERAL unnest(x.singular_values, x.bounds) WITH ORDINALITY AS value (singular_value, bound, rank);

CREATE VIEW registry.histograms AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, h.projection, bin.number::integer AS bin,
       (registry.histogram_edges())[bin.number] AS lower, (registry.histogram_edges())[bin.number + 1] AS upper,
       bin.weights, bin.weights / nullif(total.weights, 0) AS share
FROM registry_tables.histograms AS h
JOIN registry_tables.models AS m ON m.id = h.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id
CROSS JOIN LATERAL (SELECT sum(weights)::double precision AS weights FROM unnest(h.counts) AS counted (weights))
    AS total
CROSS JOIN LATERAL unnest(h.counts) WITH ORDINALITY AS bin (weights, number);

-- Layers are matched by their sketches, each layer of the child with the one of the parent that is most like it; the
-- verdict's own assignment is one to one.
CREATE VIEW registry.layer_changes AS
SELECT c.name AS child, p.name AS parent, c.fingerprint_version, layer.number AS child_layer,
       matched.layer AS parent_layer, matched.cosine, pair.projection,
       CASE WHEN pair.projection IN ('query', 'key', 'value', 'output') THEN 'attention' ELSE 'mlp' END AS branch,
       pair.matrices, pair.equal, pair.relative_change, pair.std_ratio
FROM registry_tables.edges AS e
JOIN registry_tables.models AS c ON c.id = e.child_id
JOIN registry_tables.models AS p ON p.id = e.parent_id
CROSS JOIN LATERAL (
    SELECT DISTINCT x.layer AS number FROM registry_tables.matrices AS x WHERE x.model_id = e.child_id
) AS layer
CROSS JOIN LATERAL (
    SELECT alike.layer, alike.cosine
    FROM (
        SELECT theirs.layer,
               avg(1 - nullif(least(ours.stream <=> theirs.stream, ours.token <=> theirs.token), 'NaN')) AS cosine
        FROM registry_tables.branches AS ours
        JOIN registry_tables.branches AS theirs ON theirs.branch = ours.branch
        WHERE ours.model_id = e.child_id AND ours.layer = layer.number AND theirs.model_id = e.parent_id
        GROUP BY theirs.layer
        UNION ALL
        SELECT layer.number, NULL  -- without sketches: the layer of the same number
    ) AS alike
    ORDER BY alike.cosine DESC NULLS LAST, abs(alike.layer - layer.number)
    LIMIT 1
) AS matched
CROSS JOIN LATERAL (
    SELECT x.projection, count(y.position) AS matrices, bool_and(x.digest = y.digest) AS equal,
           sqrt(sum(change.difference) / nullif(sum(change.before), 0)) AS relative_change,
           avg(x.std / nullif(y.std, 0)) AS std_ratio
    FROM registry_tables.matrices AS x
    LEFT JOIN registry_tables.matrices AS y
        ON y.model_id = e.parent_id AND y.layer = matched.layer AND y.projection = x.projection
       AND y.expert IS NOT DISTINCT FROM x.expert AND (y.rows, y.cols) = (x.rows, x.cols)
    LEFT JOIN LATERAL (
        SELECT sum((now::double precision - before) ^ 2) AS difference, sum(before::double precision ^ 2) AS before
        FROM unnest(x.sketch, y.sketch) AS entry (now, before)
        WHERE cardinality(x.sketch) = cardinality(y.sketch)
    ) AS change ON true
    WHERE x.model_id = e.child_id AND x.layer = layer.number
    GROUP BY x.projection
) AS pair
WHERE e.superseded_at IS NULL;

CREATE VIEW registry.adapters AS
SELECT m.name AS model, f.name AS family, m.fingerprint_version, a.method, a.rank, m.declared_base,
       parent.name AS parent, v.verdict, v.base AS fits, a.magnitude, a.beside, a.untouched, m.parameters, m.layers,
       m.architecture, m.source, m.digest, m.ingested_at
FROM registry_tables.adapters AS a
JOIN registry_tables.models AS m ON m.id = a.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id
LEFT JOIN registry_tables.verdicts AS v ON v.model_id = m.id
LEFT JOIN registry_tables.edges AS e ON e.child_id = m.id AND e.main AND e.superseded_at IS NULL
LEFT JOIN registry_tables.models AS parent ON parent.id = e.parent_id;

CREATE VIEW registry.characteristics AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, c.rank, c.referenced, c.projection, c.member,
       c.law, c.distances, c.mean, c.shape, c.location, c.scale, c.ks, c.power_over_normal
FROM registry_tables.characteristics AS c
JOIN registry_tables.models AS m ON m.id = c.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id;

CREATE VIEW registry.tensors AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, t.position, t.name, t.tensor_group, t.layer,
       t.shape, t.length, t.digest, t.cast_digest
FROM registry_tables.tensors AS t
JOIN registry_tables.models AS m ON m.id = t.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id;

CREATE VIEW registry.model_ledgers AS
SELECT m.id, m.name AS model, m.kind, g.name AS family, m.fingerprint_version, l.fate, l.tensor_group, l.reason,
       l.tensors, l.parameters, l.bytes, l.names
FROM registry_tables.models AS m
JOIN registry_tables.families AS g ON g.id = m.family_id
JOIN registry_tables.ledgers AS l ON l.model_id = m.id;

CREATE VIEW registry.tags AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, t.tag, t.tagged_at
FROM registry_tables.tags AS t
JOIN registry_tables.models AS m ON m.id = t.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id;

CREATE VIEW registry.notes AS
SELECT m.name AS model, m.kind, f.name AS family, m.fingerprint_version, n.note, n.author, n.noted_at, n.id
FROM registry_tables.notes AS n
JOIN registry_tables.models AS m ON m.id = n.model_id
JOIN registry_tables.families AS f ON f.id = m.family_id;

CREATE VIEW registry.events AS
SELECT e.id, e.happened_at, e.actor, e.action, e.model, m.name AS name_now, e.family, m.fingerprint_version, e.details,
       e.undo IS NOT NULL AND e.undone_by IS NULL AS can_be_undone, e.undone_by
FROM registry_tables.events AS e
LEFT JOIN registry_tables.models AS m ON m.id = e.model_id;
