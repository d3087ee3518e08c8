"""registry.architectures.name_table: the rows of projections.toml."""

from registry.architectures.name_table import (
    ignored,
    make_row,
    markers,
    namings,
    rows,
    rows_by_form,
    table,
)
from registry.architectures.names import module_of, tower_of
from registry.architectures.roles import PROJECTIONS


def test_a_row_is_parsed():
    """The role tells parts and how they are kept; placeholders are counted from the name's end."""
    row = make_row("llama", "layers.{layer}.experts.{expert}.wi_0.x", "gate / up")
    assert (row.parts, row.interleaved, row.experts) == (("gate", "up"), True, False)
    assert (row.layer, row.expert, row.head, row.stated) == (-3, -2, 0, ((-1, "0"),))
    assert row.form == "layers.#.experts.#.wi_#.x"
    stack = make_row("llama", "layers.{layer}.experts", "experts: gate + up")
    assert (stack.parts, stack.interleaved, stack.experts) == (("gate", "up"), False, True)


def test_roles_are_projections():
    """Every row of the table holds some of the seven projections."""
    assert {part for row in rows() for part in row.parts} == set(PROJECTIONS)


def test_rows_with_a_marker_come_first():
    """Of the rows of one form those that need a marker are asked before the others."""
    for same_form in rows_by_form().values():
        need_marker = [row.marker is not None for row in same_form]
        assert need_marker == sorted(need_marker, reverse=True)


def test_markers_announce_their_naming():
    """Every naming with a marker is announced by it, in whatever layer it stands."""
    with_marker = {name for name, content in namings().items() if "marker" in content}
    assert set(markers().values()) == with_marker
    assert not any("{" in form for form in markers())


def test_no_name_stands_in_two_rows():
    """Of the rows of one form only stated numbers and markers tell one from the other; no row is ignored as well."""
    keys = [(row.form, row.stated, row.marker, row.types) for row in rows()]
    assert len(set(keys)) == len(keys)
    for row in rows():
        assert row.form not in ignored("matrices") | ignored("buffers") or row.marker
        assert module_of(row.form) is None
        assert tower_of(row.form) is None


def test_every_architecture_is_covered_or_left_out():
    """No causal, masked or sequence-to-sequence model type of transformers is forgotten; none stands in both lists."""
    from transformers.models.auto import modeling_auto as auto

    types = {
        *auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        *auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        *auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    }
    covered = [name for content in namings().values() for name in content["covers"]]
    left_out = [name for names in table()["left_out"].values() for name in names]
    assert types - set(covered) - set(left_out) == set()
    assert len(set(covered + left_out)) == len(covered + left_out)
