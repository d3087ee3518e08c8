"""What comparisons read of registered models: columns in the bytes that the server holds.

All models that are asked for come by one query, in one row each.
"""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Row, bindparam, select, text
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database.connecting.engines import BINARY
from registry.database.stored.fingerprint_rows import clustering_of
from registry.database.stored.models import CURRENT
from registry.database.stored.rows import field_values
from registry.database.stored.wire import (
    DOUBLE,
    INTEGER,
    SINGLE,
    numbers,
    rectangle,
    rows_by_count,
    rows_of_numbers,
)
from registry.database.tables.schema import ClusteringRow, FingerprintRow, Model, OutlineRow
from registry.errors import ModelNotFound
from registry.fingerprints.outline import BRANCHES, OWN_AXES, Outline
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import RANKS, VERSION, Fingerprint, Tensor
from registry.lineage.features import ComparedModel, Sketches
from registry.lineage.matrix_columns import DENSE, DIGEST, SPECTRUM_RANK, MatrixColumns, SketchStack
from registry.lineage.own_alignment import OwnSketches

OUTSIDE = -1  # instead of a layer's number, of a tensor that stands in none
TENSOR_NUMBERS = 16
COMPARED = text("""
    SELECT m.name, g.name AS family, m.digest, m.cast_digest, m.dtype, m.hidden_size,
        m.layers AS depth, m.parameters, m.architecture,
        f.stored, f.vocabulary, f.projections, f.std, f.zero, f.tied,
        matrices.*, branches.*, own.*, scores.*, tensors.*
    FROM registry_tables.models AS m
    JOIN registry_tables.families AS g ON g.id = m.family_id
    JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
    CROSS JOIN LATERAL (
        SELECT array_send(array_agg(x.layer)) AS layers,
            array_send(array_agg(array_position(:projections, x.projection))) AS codes,
            array_send(array_agg(coalesce(x.expert, :dense))) AS experts,
            array_send(array_agg(x.rows)) AS row_counts,
            array_send(array_agg(x.cols)) AS col_counts,
            array_send(array_agg(x.std)) AS stds,
            string_agg(coalesce(x.cast_digest, x.digest), '') AS digests,
            array_send(array_agg(coalesce(x.distinct_share, 'NaN'))) AS distinct_shares,
            array_send(array_agg(coalesce(x.zero_share, 'NaN'))) AS zero_shares,
            array_send(array_agg(coalesce(x.kurtosis, 'NaN'))) AS kurtoses,
            string_agg(array_send(
                (x.singular_values || array_fill('NaN'::float8, ARRAY[:values]))[1:(:values)]
            ), '') AS spectra,
            array_send(array_agg(coalesce(cardinality(x.sketch), 0))) AS sketch_sizes,
            string_agg(array_send(x.sketch), '') AS sketches
        FROM (
            SELECT * FROM registry_tables.matrices WHERE model_id = m.id ORDER BY position
        ) AS x
    ) AS matrices
    CROSS JOIN LATERAL (
        SELECT array_send(array_agg(x.layer)) AS branch_layers,
            array_send(array_agg(array_position(:branches, x.branch))) AS branch_codes,
            string_agg(halfvec_send(x.stream), '') AS streams,
            string_agg(halfvec_send(
                coalesce(x.token, array_fill(0::real, ARRAY[256])::halfvec)
            ), '') AS tokens
        FROM registry_tables.branches AS x WHERE x.model_id = m.id
    ) AS branches
    CROSS JOIN LATERAL (
        SELECT array_send(array_agg(x.layer)) AS own_layers,
            array_send(array_agg(array_position(:branches, x.branch))) AS own_codes,
            string_agg(halfvec_send(x.own), '') AS own_sketches
        FROM registry_tables.branches AS x WHERE x.model_id = m.id AND x.own IS NOT NULL
    ) AS own
    CROSS JOIN LATERAL (
        SELECT array_send(array_agg(x.layer)) AS score_layers,
            string_agg(halfvec_send(x.scores), '') AS score_sketches
        FROM registry_tables.branches AS x WHERE x.model_id = m.id AND x.scores IS NOT NULL
    ) AS scores
    CROSS JOIN LATERAL (
        SELECT array_agg(x.name) AS tensor_names, array_agg(x.tensor_group) AS tensor_groups,
            array_send(array_agg(coalesce(x.layer, :outside))) AS tensor_layers,
            array_agg(array_to_string(x.shape, ',')) AS tensor_shapes,
            array_send(array_agg(x.length)) AS tensor_lengths,
            array_agg(x.digest) AS tensor_digests, array_agg(x.cast_digest) AS tensor_casts,
            string_agg(array_send(x.sketch), '') AS tensor_sketches
        FROM (
            SELECT * FROM registry_tables.tensors WHERE model_id = m.id ORDER BY position
        ) AS x
    ) AS tensors
    WHERE m.name = ANY(:names) AND m.fingerprint_version = :version
""").bindparams(
    bindparam("projections", list(PROJECTIONS), type_=FingerprintRow.projections.type),
    bindparam("branches", list(BRANCHES), type_=FingerprintRow.projections.type),
    bindparam("values", SPECTRUM_RANK),
    bindparam("dense", DENSE),
    bindparam("outside", OUTSIDE),
    bindparam("version", VERSION),
    bindparam("names", type_=FingerprintRow.projections.type),
)


def compared_models(session: Session, names: Sequence[str]) -> dict[str, ComparedModel]:
    """Return what comparisons read of registered models, by name; those that there are."""
    if not names:
        return {}
    options = {BINARY: True}
    rows = session.execute(COMPARED, {"names": list(names)}, execution_options=options)
    return {row.name: model_of(row) for row in rows}


def compared_model(session: Session, name: str) -> ComparedModel:
    """Return what a comparison reads of a registered model. Raises ModelNotFound."""
    models = compared_models(session, [name])
    if name not in models:
        raise ModelNotFound(name=name)
    return models[name]


def model_of(row: Row[tuple[object, ...]]) -> ComparedModel:
    """Return the model of a row."""
    return ComparedModel(
        digest=row.digest,
        cast_digest=row.cast_digest,
        dtype=row.dtype,
        stored=row.stored,
        vocabulary=row.vocabulary,
        projections=tuple(row.projections),
        std=tuple(row.std),
        matrices=matrices_of(row),
        sketches=sketches_of(row),
        own=own_of(row),
        family=row.family,
        hidden_size=row.hidden_size,
        depth=row.depth,
        parameters=row.parameters,
        tensors=tensors_of(row),
        zero=tuple(row.zero),
        tied=row.tied,
        architecture=row.architecture,
    )


def matrices_of(row: Row[tuple[object, ...]]) -> MatrixColumns:
    """Return the columns of a model's matrices."""
    sizes = numbers(row.sketch_sizes, INTEGER)
    stacks = []
    for size, sketches in rows_by_count(row.sketches, sizes).items():
        stacks.append(SketchStack(np.flatnonzero(sizes == size), sketches))
    return MatrixColumns(
        layers=numbers(row.layers, INTEGER).astype(int),
        projections=numbers(row.codes, INTEGER).astype(int) - 1,
        experts=numbers(row.experts, INTEGER).astype(int),
        rows=numbers(row.row_counts, INTEGER).astype(int),
        cols=numbers(row.col_counts, INTEGER).astype(int),
        std=numbers(row.stds, DOUBLE),
        digests=np.frombuffer((row.digests or "").encode(), DIGEST),
        distinct_share=numbers(row.distinct_shares, DOUBLE),
        zero_share=numbers(row.zero_shares, DOUBLE),
        kurtosis=numbers(row.kurtoses, DOUBLE),
        singular_values=rows_of_numbers(row.spectra, SPECTRUM_RANK, DOUBLE),
        stacks=tuple(stacks),
    )


def sketches_of(row: Row[tuple[object, ...]]) -> Sketches:
    """Return the tables of a model's branches."""
    layers = numbers(row.branch_layers, INTEGER)
    tables = [rectangle(row.streams), rectangle(row.tokens)]
    return Sketches.placed(layers, names_of(row.branch_codes), tables)


def own_of(row: Row[tuple[object, ...]]) -> OwnSketches:
    """Return a model's sketches in its own axes."""
    layers = numbers(row.own_layers, INTEGER)
    score_layers = numbers(row.score_layers, INTEGER)
    own = rectangle(row.own_sketches, OWN_AXES**2)
    scores = rectangle(row.score_sketches, OWN_AXES**2)
    return OwnSketches(
        layers=np.concatenate([layers, score_layers]),
        products=np.concatenate([names_of(row.own_codes), ["scores"] * len(score_layers)]),
        numbers=np.concatenate([own, scores]),
    )


def names_of(sent: bytes | None) -> np.ndarray:
    """Return the names of branches whose places among all were sent, counted from 1."""
    names: np.ndarray = np.array(BRANCHES)[numbers(sent, INTEGER) - 1]
    return names


def tensors_of(row: Row[tuple[object, ...]]) -> tuple[Tensor, ...]:
    """Return a model's tensors outside the projections, in their order."""
    layers = numbers(row.tensor_layers, INTEGER).tolist()
    lengths = numbers(row.tensor_lengths, DOUBLE).tolist()
    sketches = rows_of_numbers(row.tensor_sketches, TENSOR_NUMBERS, SINGLE).astype(float)
    tensors = []
    for place, name in enumerate(row.tensor_names or ()):
        tensor = Tensor(
            name=name,
            group=row.tensor_groups[place],
            layer=None if layers[place] == OUTSIDE else layers[place],
            shape=tuple(map(int, row.tensor_shapes[place].split(",")))
            if row.tensor_shapes[place]
            else (),
            length=lengths[place],
            digest=row.tensor_digests[place],
            cast_digest=row.tensor_casts[place],
            sketch=sketches[place],
        )
        tensors.append(tensor)
    return tuple(tensors)


def judged_fingerprint(session: Session, name: str) -> tuple[Fingerprint, Outline]:
    """Return what the search reads of a registered model's fingerprint, and its outline.

    Matrices and branches stay empty.
    """
    query = select(Model, FingerprintRow, ClusteringRow, OutlineRow)
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    query = query.join(ClusteringRow, ClusteringRow.model_id == Model.id)
    query = query.outerjoin(OutlineRow, OutlineRow.model_id == Model.id)
    query = query.where(Model.name == name, CURRENT, ClusteringRow.rank == RANKS[0])
    model, row, clustering, outline = session.execute(query).one()
    values = field_values(model, Fingerprint) | field_values(row, Fingerprint)
    values["std"] = ProjectionVector(*row.std)
    fingerprint = Fingerprint(
        **values,
        version=model.fingerprint_version,
        clusterings=(clustering_of(clustering),),
        matrices=(),
        start=outline.start if outline else None,
    )
    if outline is None:
        return fingerprint, Outline(None, None, None)
    return fingerprint, Outline(**field_values(outline, Outline))
