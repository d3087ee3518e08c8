"""A small registry that a team has lived in: two families, three generations, copies, claims, tags, a log.

    llama ── llama-chat ─┬─ llama-code        qwen        llama-lora (an adapter of llama)
      └─── llama-merge ──┘ (of chat, too)     qwen, of fingerprint version 2

`llama-bf16` is llama once cast to bf16. Everything beside the fingerprints is written down here, so that questions have
known answers.
"""

from dataclasses import replace
from pathlib import Path

import psycopg
import torch
from checkpoints_made import Tensors, llama, write_folder
from hostile_made import write_hostile_adapter
from sqlalchemy.orm import Session

import registry
from registry.database.connecting.connection import open_database
from registry.database.keeping.roles import ensure_roles
from registry.database.stored import fingerprints
from registry.database.stored.fingerprints import Origin

NAMES = (
    "llama",
    "llama-bf16",
    "llama-chat",
    "llama-code",
    "llama-lora",
    "llama-merge",
    "qwen",
    "qwen-v2",
)
FAMILIES = {name: name.split("-")[0] for name in NAMES}
BASES = {
    "llama-chat": "LLAMA",
    "llama-code": "org/llama-chat",
    "qwen": "llama",
    "llama-lora": "llama",
}

WRITTEN = """
DELETE FROM registry_tables.claims;
DELETE FROM registry_tables.sources;
DELETE FROM registry_tables.events;
UPDATE registry_tables.models SET fingerprint_version = 2, name = 'qwen', tool_version = '0.1' WHERE name = 'qwen-v2';
UPDATE registry_tables.models SET architecture = 'QwenForCausalLM' WHERE name = 'qwen';
UPDATE registry_tables.models SET family_set = true WHERE name = 'llama-merge';
UPDATE registry_tables.models SET ingested_at = '2026-01-01 00:00+00'::timestamptz + id * interval '1 day';

CREATE FUNCTION pg_temp.id(model text) RETURNS integer LANGUAGE sql
RETURN (SELECT min(id) FROM registry_tables.models WHERE name = model AND fingerprint_version = 3);

INSERT INTO registry_tables.sources (model_id, name, source, revision, host, size, format, first_seen, last_seen)
VALUES (pg_temp.id('llama'), 'llama', 'org/llama', 'abc', 'hub.example', 1000, 'safetensors', '2026-01-02', '2026-02-01'),
       (pg_temp.id('llama'), 'mirror-llama', 'mirror/llama', NULL, 'hub.example', 2000, 'gguf', '2026-03-02', '2026-03-02'),
       (pg_temp.id('llama-chat'), 'llama-chat', 'org/llama-chat', NULL, 'hub.example', 1000, 'safetensors', '2026-01-03', '2026-01-03'),
       (pg_temp.id('llama-code'), 'llama-code', '/models/llama-code', NULL, 'node7', 1000, 'safetensors', '2026-01-04', '2026-01-04'),
       (pg_temp.id('qwen'), 'qwen', 'org/qwen', NULL, 'hub.example', 1500, 'safetensors', '2026-01-05', '2026-01-05');
INSERT INTO registry_tables.claims (model_id, source_id, claim, value, made_by, seen_at)
SELECT m.id, s.id, claim, value, made_by, '2026-01-06'
FROM (VALUES ('llama-chat', 'base_model', 'LLAMA', 'card'), ('llama-code', 'base_model', 'ORG/llama-chat', 'card'),
             ('qwen', 'base_model', 'llama', 'card'), ('qwen', 'licence', 'apache-2.0', 'card'),
             ('llama-chat', 'licence', 'llama2', 'card'), ('llama-merge', 'base_model', 'nobody/knows', 'config'))
     AS said (model, claim, value, made_by)
JOIN registry_tables.models AS m ON m.name = said.model AND m.fingerprint_version = 3
LEFT JOIN registry_tables.sources AS s ON s.model_id = m.id AND s.name = m.name;
INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, reason, main, p_value, score, explained,
    evidence, changes, judged_at, fingerprint_version, superseded_at, because)
SELECT pg_temp.id(child), pg_temp.id(parent), relation, direction, reason, main, p, -log(p), explained,
       '[{"name": "stream", "value": 40.5, "null": 1.7, "p_value": 1e-9}]', changes::jsonb, judged::timestamptz, 3,
       gone::timestamptz, because
FROM (VALUES
    ('llama-chat', 'llama', 'derived', 'claimed', NULL, true, 1e-9, 0.98,
     '[{"kind": "fine-tuned", "amount": 0.08, "parts": []}]', '2026-02-01', NULL, 'ingestion'),
    ('llama-code', 'llama-chat', 'derived', 'presumed', NULL, true, 1e-8, 0.97,
     '[{"kind": "fine-tuned", "amount": 0.1, "parts": []}]', '2026-02-03', NULL, 'llama-chat arrived'),
    ('llama-code', 'llama', 'derived', 'presumed', NULL, true, 1e-7, 0.9,
     '[{"kind": "fine-tuned", "amount": 0.2, "parts": []}]', '2026-02-01', '2026-02-03', 'ingestion'),
    ('llama-bf16', 'llama', 'quantised copy', 'shown', 'grid', true, 1e-12, 1.0, '[]', '2026-02-02', NULL, 'ingestion'),
    ('llama-merge', 'llama-chat', 'derived', 'shown', 'merge', true, 1e-6, 0.9,
     '[{"kind": "merged", "amount": 0.6, "parts": ["llama-chat", "llama"], "shares": [0.6, 0.4]}]', '2026-02-04', NULL, 'ingestion'),
    ('llama-merge', 'llama', 'derived', 'shown', 'merge', false, 1e-6, 0.8, '[]', '2026-02-04', NULL, 'ingestion')
) AS drawn (child, parent, relation, direction, reason, main, p, explained, changes, judged, gone, because);
INSERT INTO registry_tables.verdicts (model_id, verdict, base, family, how, score, p_value, chance, candidates, evidence,
    changes, judged_at, closest, due)
SELECT pg_temp.id(model), verdict, base, family, '{}', -log(p), p, least(1, 5 * p), 5,
       '[{"name": "stream", "value": 40.5, "null": 1.7, "p_value": 1e-9}]', changes::jsonb, '2026-02-05', base, due
FROM (VALUES ('llama', 'unknown', NULL, NULL, 0.5, '[]', false), ('qwen', 'unknown', NULL, NULL, 0.9, '[]', true),
             ('llama-chat', 'derived', 'llama', 'llama', 1e-9, '[{"kind": "fine-tuned", "amount": 0.08, "parts": []}]', false),
             ('llama-code', 'derived', 'llama-chat', 'llama', 1e-8, '[{"kind": "fine-tuned", "amount": 0.1, "parts": []}]', false),
             ('llama-lora', 'derived', 'llama', 'llama', 1e-5, '[{"kind": "adapter", "amount": 2, "parts": ["LORA"]}]', false))
     AS judged (model, verdict, base, family, p, changes, due);
INSERT INTO registry_tables.tags (model_id, tag, tagged_at)
VALUES (pg_temp.id('llama-chat'), 'production', '2026-04-01'), (pg_temp.id('llama-code'), 'production', '2026-04-02'),
       (pg_temp.id('llama-code'), 'code', '2026-04-02'), (pg_temp.id('qwen'), 'evaluated', '2026-04-03');
INSERT INTO registry_tables.notes (model_id, note, author, noted_at)
VALUES (pg_temp.id('llama-chat'), 'Serves the help desk.', 'ada', '2026-04-01 09:00+00');
INSERT INTO registry_tables.events (happened_at, actor, action, model, model_id, family, details, undo)
VALUES ('2026-04-01 09:00+00', 'ada', 'ingested', 'chat', pg_temp.id('llama-chat'), 'llama', '{}', NULL),
       ('2026-04-01 10:00+00', 'ada', 'renamed', 'chat', pg_temp.id('llama-chat'), 'llama', '{"to": "llama-chat"}', '{"name": "chat"}'),
       ('2026-04-02 10:00+00', 'bob', 'removed', 'old-experiment', 4711, 'llama', '{}', NULL);
INSERT INTO registry_tables.characteristics (model_id, rank, referenced, projection, member, law, distances, mean, shape,
    location, scale, ks, power_over_normal)
VALUES (pg_temp.id('llama'), 16, 'query', 'query', true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       (pg_temp.id('llama'), 16, 'query', 'key', true, 'power law', 9, 0.1, 1.5, 0, 0.1, 0.2, 0.3),
       (pg_temp.id('llama'), 16, 'query', 'up', false, 'normal', 9, 0.2, 0.1, 0, 0.1, 0.4, -0.3);
INSERT INTO registry_tables.runs (started_at, seen_at, ended_at, state, actor, host, process, engine, workers, sources,
    skipped, tool_version)
VALUES ('2026-04-01 09:00+00', '2026-04-01 10:00+00', '2026-04-01 10:00+00', 'ended', 'ada', 'node-1', 4711, 'local', 2, 5,
        3, '0.2'),
       ('2026-04-02 09:00+00', '2026-04-02 09:30+00', NULL, 'running', 'bob', 'node-2', 4712, 'ray', 8, 100, 0, '0.2');
INSERT INTO registry_tables.jobs (run_id, source, place, host, stamp, state, outcome, model_id, error, reason, lasting, rank,
    size, seconds, attempts, ended_at)
VALUES (1, './llama', '/models/llama', 'node-1', repeat('a', 64), 'done', 'new', pg_temp.id('llama'), NULL, NULL, false, 64,
        2000, 1.5, 1, '2026-04-01 09:30+00'),
       (1, './broken', '/models/broken', 'node-1', repeat('b', 64), 'failed', NULL, NULL, 'NoWeights',
        '''./broken'' holds no weights that can be read.', true, 64, NULL, 0.1, 1, '2026-04-01 10:00+00');
INSERT INTO registry_tables.places (model_id, x, y, cluster, code, zoom, landmark, missing)
VALUES (pg_temp.id('llama'), 0.25, 0.25, 0, 805306368, 0, true, NULL),
       (pg_temp.id('llama-chat'), 0.25, 0.25, 0, 805306368, 1, false, NULL),
       (pg_temp.id('qwen'), 0.75, 0.5, NULL, 2415919104, 0, true, NULL),
       (pg_temp.id('llama-code'), NULL, NULL, NULL, NULL, NULL, false, 'numbers');
INSERT INTO registry_tables.clusters (id, family, models, share, x, y, code, zoom)
VALUES (0, 'llama', 2, 1, 0.25, 0.25, 805306368, 0);
"""


def weights() -> dict[str, Tensors]:
    """The tensors of every model, by name."""
    base = llama(seed=0, layers=3, hidden=32)
    chat = changed(base, 0.08, seed=1)
    return {
        "llama": base,
        "llama-bf16": {name: tensor.bfloat16() for name, tensor in base.items()},
        "llama-chat": chat,
        "llama-code": changed(chat, 0.1, seed=2),
        "llama-merge": {name: 0.6 * chat[name] + 0.4 * base[name] for name in base},
        "qwen": llama(seed=3, layers=3, hidden=32, scale=2.0),
        "qwen-v2": llama(seed=4, layers=3, hidden=32, scale=2.0),
    }


def changed(tensors: Tensors, amount: float, seed: int) -> Tensors:
    """The weights after so large a relative change, norms aside."""
    draw = torch.Generator().manual_seed(seed)
    made = {}
    for name, tensor in tensors.items():
        noise = torch.randn(tensor.shape, generator=draw) * tensor.std()
        made[name] = tensor if "norm" in name else tensor + amount * noise
    return made


def fill(url: str, folder: Path) -> None:
    """Fill an empty, migrated database."""
    made = {
        name: registry.fingerprint(write_folder(folder / name, tensors), rank=16)
        for name, tensors in weights().items()
    }
    made["llama-lora"] = registry.fingerprint(write_hostile_adapter(folder / "llama-lora"), rank=16)
    with open_database(url) as engine, Session(engine) as session:
        for name in sorted(made):
            record = replace(made[name], unknown=())
            origin = Origin(f"org/{name}", None, BASES.get(name), name, FAMILIES[name], "0.2")
            fingerprints.save(session, origin, record)
        session.commit()
    with psycopg.connect(url) as connection:
        connection.execute(WRITTEN)
    with open_database(url) as engine:
        ensure_roles(engine)
