"""registry.fingerprints.matrix_place: which layer, projection and expert a stored matrix belongs to."""

import torch
from checkpoints_made import llama, write_folder

from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint
from registry.fingerprints.matrix_place import MatrixPlace


def test_a_matrix_of_a_fused_tensor_is_found_by_its_index(tmp_path):
    """Of a tensor that holds query, key and value, the matrix at index 1 is the key of the tensor's layer."""
    name = "gpt_neox.layers.3.attention.query_key_value.weight"
    folder = write_folder(
        tmp_path / "m", {name: torch.randn(96, 32)}, config={"num_attention_heads": 4}
    )
    [tensor] = layout_of(open_checkpoint(folder)).projections
    places = [MatrixPlace(tensor, index) for index in range(3)]
    assert [place.projection for place in places] == ["query", "key", "value"]
    assert {(place.layer, place.expert, place.tensor_name) for place in places} == {(3, None, name)}


def test_a_plain_tensor_has_one_place(tmp_path):
    """Index 0 of a tensor with one projection is that projection."""
    folder = write_folder(tmp_path / "m", llama())
    for tensor in layout_of(open_checkpoint(folder)).projections:
        assert MatrixPlace(tensor, 0).projection == tensor.parts[0]
        assert len(tensor.parts) == 1
