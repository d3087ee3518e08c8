-- Twenty-four questions to a registry, each with the query that answers it. Run one with `registry sql -c '...'`, or in
-- psql: psql $(registry db url). The names are of a small made-up registry, on which tests/database/test_queries.py
-- compares every answer; put yours in their place. docs/schema.md explains all views and functions.

-- 1. Which models are registered, of which family, and how large are they?
SELECT name, kind, family, parameters FROM models ORDER BY family, name, fingerprint_version;

-- 2. Which models have a fingerprint of an older version, and are therefore compared with nothing?
SELECT name, fingerprint_version FROM models
WHERE fingerprint_version < (SELECT max(fingerprint_version) FROM models) ORDER BY name;

-- 3. How many models and adapters has each family, and which of them come from no other?
SELECT name, models, adapters, roots FROM families ORDER BY models DESC, name;

-- 4. Where does a model come from, all the way up?
SELECT ancestor, distance, relation, path FROM ancestors('llama-code');

-- 5. What was made from a model, directly or not?
SELECT descendant, distance, relation FROM descendants('llama');

-- 6. What is one model to another?
SELECT relation, distance, common_ancestor, path FROM relation('llama-code', 'llama-merge');

-- 7. Which models are merges, of which parents?
SELECT child, array_agg(parent ORDER BY main DESC, parent) AS parents FROM edges
WHERE current GROUP BY child HAVING count(*) > 1;

-- 8. From which models were most others made?
SELECT ancestor, count(*) AS descendants, max(distance) AS generations FROM lineage
GROUP BY ancestor ORDER BY descendants DESC, ancestor;

-- 9. Which weights are there more than once, under which names and in which places?
SELECT equality, models, names, sources FROM duplicates ORDER BY models;

-- 10. Who else has the weights of a model?
SELECT name, source, host, format, first_seen::date FROM sources WHERE model = 'llama' ORDER BY first_seen;

-- 11. Which cards name a registered base that the weights do not come from?
SELECT c.model, c.value AS claimed, c.registered FROM claims AS c
WHERE c.registered IS NOT NULL AND c.kind = 'model'
  AND NOT EXISTS (SELECT FROM lineage AS l WHERE l.ancestor = c.registered AND l.descendant = c.model)
ORDER BY c.model;

-- 12. Which claimed bases are not registered, and should be ingested?
SELECT value AS missing, count(*) AS claimed_by FROM claims
WHERE claim = 'base_model' AND registered IS NULL GROUP BY value ORDER BY claimed_by DESC, missing;

-- 13. Which licences does a model's line of descent claim, its own included?
SELECT c.model, c.value AS licence FROM claims AS c
WHERE c.claim = 'licence'
  AND c.model IN (SELECT ancestor FROM ancestors('llama-code') UNION ALL SELECT 'llama-code')
ORDER BY c.model;

-- 14. Which models have the nearest standard deviations?
SELECT neighbour, family FROM nearest_models('llama', 2);

-- 15. Which models of other families act most alike on the residual stream, and are they as far as unrelated models?
SELECT neighbour, distance > 0.7 AS unrelated FROM nearest_models('llama', 10, by => 'residual_stream')
WHERE family <> 'llama' ORDER BY distance;

-- 16. Which of the models in production is most like one in its training recipe?
SELECT neighbour FROM nearest_models('llama', 1, by => 'recipe', within => 'tag:production');

-- 17. By which of the five distances are two models near each other?
SELECT by, distance('llama', 'llama-chat', by) < distance('llama', 'qwen', by) AS nearer_than_qwen
FROM unnest(ARRAY['std', 'recipe', 'residual_stream', 'tokens']) AS by ORDER BY by;

-- 18. In which layers did a fine-tune change the weights, and by about how much?
SELECT child_layer, parent_layer, round(sqrt(avg(relative_change ^ 2))::numeric, 1) AS relative_change
FROM layer_changes WHERE child = 'llama-chat' AND parent = 'llama' GROUP BY child_layer, parent_layer ORDER BY child_layer;

-- 19. Which models were fine-tuned, from what and by how much, as their verdicts have it?
SELECT e.child, e.parent, (change->>'amount')::float AS relative_change
FROM edges AS e, jsonb_array_elements(e.changes) AS change
WHERE e.current AND change->>'kind' = 'fine-tuned' ORDER BY relative_change;

-- 20. On which models is no origin known, and is the verdict still that of all models registered now?
SELECT model, p, NOT due AS up_to_date FROM verdicts WHERE verdict = 'unknown' ORDER BY model;

-- 21. Which projection has the largest singular values for its size, and in which layer?
SELECT projection, layer, rank FROM spectra
WHERE model = 'llama' AND rank = 1 AND projection IN ('query', 'down') ORDER BY projection, layer;

-- 22. What share of a projection's weights lies within one standard deviation of zero?
SELECT h.projection, round(sum(h.share)::numeric, 1) AS within FROM histograms AS h JOIN vectors AS v USING (model, fingerprint_version)
WHERE h.model = 'llama' AND h.projection = 'up' AND h.lower >= -v.up_std AND h.upper <= v.up_std GROUP BY h.projection;

-- 23. Which models are in production, who wrote what about them, and which adapters fit their bases?
SELECT t.model, n.author, n.note,
       ARRAY(SELECT a.model FROM adapters AS a JOIN ancestors(t.model) AS up ON up.ancestor = a.fits) AS adapters
FROM tags AS t LEFT JOIN notes AS n USING (model, fingerprint_version) WHERE t.tag = 'production' ORDER BY t.model;

-- 24. What was changed since a day, by whom, and can it be undone?
SELECT happened_at::date AS day, actor, action, model, name_now, can_be_undone FROM events
WHERE happened_at >= '2026-04-01' ORDER BY happened_at;
