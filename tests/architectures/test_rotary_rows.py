"""registry.architectures.rotary_rows: Meta's copy of a model and Hugging Face's are one."""

import json

import torch
from checkpoints_made import llama, write_folder
from safetensors.torch import save_file

import registry
from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint

NAMES = {
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.up_proj": "feed_forward.w3",
    "mlp.down_proj": "feed_forward.w2",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "embed_tokens": "tok_embeddings",
}


def as_meta_has_it(tensors, size):
    """Meta's names, and rotated rows as neighbours in heads of so many rows."""
    renamed = {}
    for name, tensor in tensors.items():
        matrix = tensor
        if "q_proj" in name or "k_proj" in name:
            halves = tensor.unflatten(0, (-1, 2, size // 2))
            matrix = halves.transpose(1, 2).reshape(tensor.shape).contiguous()
        new = name.removeprefix("model.")
        for ours, metas in NAMES.items():
            new = new.replace(ours, metas)
        renamed[new] = matrix
    return renamed


def write_meta(folder, tensors, params):
    """A folder as Meta and Mistral publish one."""
    folder.mkdir()
    save_file(tensors, folder / "consolidated.safetensors")
    (folder / "params.json").write_text(json.dumps(params))
    return folder


def test_both_copies_of_a_model_have_one_digest(tmp_path):
    """With the heads of params.json the rows are brought to one order, bit for bit."""
    tensors = llama()  # 4 heads of 4 rows, 2 of them for keys
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    ours = registry.fingerprint(write_folder(tmp_path / "hf", tensors, heads), rank=16)
    meta = as_meta_has_it(tensors, 4)
    folder = write_meta(tmp_path / "meta", meta, {"n_heads": 4, "n_kv_heads": 2})
    theirs = registry.fingerprint(folder, rank=16)
    assert theirs.digest == ours.digest
    assert theirs.start == ours.start
    assert theirs.branches == ours.branches


def test_a_buffer_tells_the_size_of_a_head(tmp_path):
    """Without params.json, Meta's rope.freqs has a number for each pair; without it rows stay."""
    tensors = llama()
    meta = as_meta_has_it(tensors, 4)
    query = tensors["model.layers.0.self_attn.q_proj.weight"]

    def first_query(name, state):
        layout = layout_of(open_checkpoint(write_folder(tmp_path / name, state)))
        return layout.projections[0].entry

    buffered = first_query("buffered", meta | {"rope.freqs": torch.ones(2)})
    assert torch.equal(buffered.load(), query)
    assert (buffered.first(20) == query.numpy().reshape(-1)[:20]).all()
    bare = first_query("bare", meta)
    assert torch.equal(bare.load(), meta["layers.0.attention.wq.weight"])
