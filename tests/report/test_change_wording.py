"""registry.report.change_wording: every change in words, with its amount and without a motive."""

import pytest

from registry.architectures.tensor_groups import groups
from registry.lineage.verdict import Change, ChangeKind
from registry.report.change_wording import GROUPS, change_sentence

REPARAMETERISED = "function-preserving re-parameterisation"
CHANGES = [
    (Change(ChangeKind.LAYERS_REMOVED, 1, (2,)), "layers removed: 2"),
    (Change(ChangeKind.LAYERS_REMOVED, 3), "layers removed: 3"),
    (Change(ChangeKind.LAYERS_STACKED, 2, (1, 2)), "layers stacked: 1, 2 repeated"),
    (
        Change(ChangeKind.LAYERS_INSERTED, 2, (2, 5)),
        "layers inserted: 2, 5 read as another does and wrote nothing",
    ),
    (
        Change(ChangeKind.LAYERS_REORDERED, 2, (1, 2)),
        "layers in another order: 1, 2 moved",
    ),
    (
        Change(ChangeKind.LAYERS_WITHOUT_SOURCE, 8, tuple(range(8))),
        "layers without a source: 0, 1, 2, 3, 4, 5 ...",
    ),
    (Change(ChangeKind.WIDTH, 72, (96,)), "residual stream 72 wide instead of 96"),
    (Change(ChangeKind.NEURONS, 192, (256,)), "neurons pruned: 192 instead of 256 a layer"),
    (Change(ChangeKind.HEADS, 48, (96,)), "query heads pruned: 48 instead of 96 rows a layer"),
    (
        Change(ChangeKind.KV_HEADS, 24, (48,)),
        "key and value heads pooled or pruned: 24 instead of 48 rows a layer",
    ),
    (Change(ChangeKind.EXPERTS, 4, (1,)), "experts added: 4 instead of 1 a layer"),
    (Change(ChangeKind.VOCABULARY_SIZE, 70, (80,)), "vocabulary of 70 instead of 80 tokens"),
    (Change(ChangeKind.STREAM_ROTATED), f"{REPARAMETERISED}: residual stream rotated or permuted"),
    (
        Change(ChangeKind.NORMS_FOLDED),
        f"{REPARAMETERISED}: norm gains folded or scaled into weights",
    ),
    (
        Change(ChangeKind.NEURONS_REPARAMETERISED),
        f"{REPARAMETERISED}: MLP neurons permuted or rescaled",
    ),
    (
        Change(ChangeKind.HEADS_REPARAMETERISED),
        f"{REPARAMETERISED}: attention heads permuted or rescaled",
    ),
    (
        Change(ChangeKind.QUERY_KEY_REPARAMETERISED),
        f"{REPARAMETERISED}: rows of query and key permuted, rotated or rescaled within heads",
    ),
    (Change(ChangeKind.EXPERTS_REORDERED), f"{REPARAMETERISED}: experts in another order"),
    (Change(ChangeKind.QUANTISED, 4), "quantised to about 4 bits"),
    (Change(ChangeKind.QUANTISED, 1.585), "quantised to about 1.6 bits"),
    (Change(ChangeKind.QUANTISED, 4, ("Q4_K",)), "quantised to about 4 bits, stored as Q4_K"),
    (
        Change(ChangeKind.QUANTISED, 4, stated="bfloat16"),
        "quantised to about 4 bits, though stored as bfloat16",
    ),
    (
        Change(ChangeKind.DIRECTION_REMOVED, 1, ("output", "down")),
        "a direction of the residual stream removed from output and down",
    ),
    (
        Change(ChangeKind.DIRECTION_REMOVED, 2, ("down", 3, 4)),
        "2 directions of the residual stream removed from down of layers 3, 4",
    ),
    (
        Change(ChangeKind.MATRICES_EDITED, 1, ("down", 3)),
        "one matrix edited, no other changed: down of layer 3",
    ),
    (
        Change(ChangeKind.MATRICES_EDITED, 3, ("down", 3, 4, 5)),
        "3 matrices edited, no other changed: down of layers 3, 4, 5",
    ),
    (Change(ChangeKind.PRUNED, 0.5), "pruned: 50% of the weights became zero"),
    (
        Change(ChangeKind.PROJECTIONS_REMOVED, 4, ("query", "key")),
        "projections removed within layers: query, key (4 matrices)",
    ),
    (
        Change(ChangeKind.PROJECTIONS_ADDED, 1, ("gate",)),
        "projections added within layers: gate (1 matrices)",
    ),
    (Change(ChangeKind.PROJECTIONS_ZEROED, 1, ("h.0.v",)), "all zero: h.0.v"),
    (Change(ChangeKind.LORA_LIKE, 8), "LoRA-like: the change has rank 8"),
    (
        Change(ChangeKind.CONTINUED_TRAINING, 0.6),
        "continued training, or merged: relative weight change 60%",
    ),
    (Change(ChangeKind.FINE_TUNED, 0.0822), "fine-tuned: relative weight change 8.2%"),
    (Change(ChangeKind.FINE_TUNED), "fine-tuned"),
    (
        Change(ChangeKind.FINE_TUNED, 0.05, (3,)),
        "fine-tuned: relative weight change 5.0%, in layers 3 alone",
    ),
    (
        Change(ChangeKind.TENSORS_CHANGED, 0.3, ("embedding",)),
        "embeddings changed: relative change 0.3",
    ),
    (
        Change(ChangeKind.TENSORS_CHANGED, None, ("position",)),
        "position embeddings changed in shape",
    ),
    (Change(ChangeKind.TENSORS_ADDED, 1, ("head",)), "head added beside the base's (1 tensor)"),
    (Change(ChangeKind.TENSORS_REMOVED, 2, ("bias",)), "biases of the base missing (2 tensors)"),
    (Change(ChangeKind.HEAD_UNTIED), "head untied from the embedding"),
    (
        Change(ChangeKind.TOKENS_REORDERED),
        "tokens reordered: the embeddings' rows in another order",
    ),
    (Change(ChangeKind.TOKENS_EMBEDDED_ANEW), "tokens embedded anew"),
    (Change(ChangeKind.OTHER_WEIGHTS), "embedding, head or norms changed"),
    (
        Change(ChangeKind.NOT_TOLD_APART, parts=("query", "up")),
        "weights differ (query, up); what was done is not told apart",
    ),
    (Change(ChangeKind.MERGED, 0.3, ("a", "b")), "merged: 30% a and 70% b"),
    (
        Change(ChangeKind.ADAPTER, 8, ("lora",)),
        "lora adapter of rank 8, trained on it or on a relative",
    ),
    (
        Change(ChangeKind.PARTIAL_READ),
        "from a partial read: identify the whole checkpoint to learn what was changed",
    ),
    (Change(ChangeKind.STATED, parts=("as it was said",)), "as it was said"),
]


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_a_change_in_words(change, sentence):
    """What was done, and how much of it."""
    assert change_sentence(change) == sentence


def test_every_kind_of_change_has_words():
    """None is left without a sentence."""
    assert {change.kind for change, _ in CHANGES} == set(ChangeKind)


def test_every_group_of_tensors_has_words():
    """Each group that a tensor can be of is named in English."""
    assert set(GROUPS) == set(groups())
