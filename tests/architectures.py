"""Tiny random models of every architecture, and where transformers keeps their seven projections."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import transformers as tf

COMMON = {
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
Projections = dict[tuple[int, str], torch.Tensor]


@dataclass(frozen=True)
class Architecture:
    """How to build a model, and what its projections are by its own modules."""

    build: Callable[[], torch.nn.Module]
    projections: Callable[[torch.nn.Module], Projections]
    config: dict[str, object] | None = None


def named(model: torch.nn.Module, paths: dict[str, str]) -> Projections:
    """Projections that are modules of their own."""
    layers = next(m for m in model.modules() if isinstance(m, torch.nn.ModuleList))
    return {
        (i, projection): layer.get_submodule(path).weight
        for i, layer in enumerate(layers)
        for projection, path in paths.items()
    }


LLAMA = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
BERT = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "up": "intermediate.dense",
    "down": "output.dense",
}
META = {
    "query": "attention.wq",
    "key": "attention.wk",
    "value": "attention.wv",
    "output": "attention.wo",
    "gate": "feed_forward.w1",
    "up": "feed_forward.w3",
    "down": "feed_forward.w2",
}


def of_phi3(model: torch.nn.Module) -> Projections:
    """qkv: 32 rows of query, 16 of key, 16 of value; gate before up."""
    found = named(
        model,
        {
            "qkv": "self_attn.qkv_proj",
            "output": "self_attn.o_proj",
            "gu": "mlp.gate_up_proj",
            "down": "mlp.down_proj",
        },
    )
    for i in range(3):
        qkv, gate_up = found.pop((i, "qkv")), found.pop((i, "gu"))
        found |= dict(zip([(i, "query"), (i, "key"), (i, "value")], qkv.split([32, 16, 16]), strict=True))
        found |= dict(zip([(i, "gate"), (i, "up")], gate_up.chunk(2), strict=True))
    return found


def of_gpt2(model: torch.nn.Module) -> Projections:
    """Conv1D keeps inputs x outputs."""
    found = {
        key: w.T
        for key, w in named(
            model, {"qkv": "attn.c_attn", "output": "attn.c_proj", "up": "mlp.c_fc", "down": "mlp.c_proj"}
        ).items()
    }
    for i in range(3):
        found |= dict(zip([(i, "query"), (i, "key"), (i, "value")], found.pop((i, "qkv")).chunk(3), strict=True))
    return found


def of_neox(model: torch.nn.Module) -> Projections:
    """Each of 4 heads keeps 8 rows of query, 8 of key, 8 of value."""
    paths = {
        "qkv": "attention.query_key_value",
        "output": "attention.dense",
        "up": "mlp.dense_h_to_4h",
        "down": "mlp.dense_4h_to_h",
    }
    found = named(model, paths)
    for i in range(3):
        heads = found.pop((i, "qkv")).split(8)
        for part, projection in enumerate(("query", "key", "value")):
            found[i, projection] = torch.cat(heads[part::3])
    return found


class MetaLlama(torch.nn.Module):
    """Llama as Meta and llama2.c name it."""

    def __init__(self) -> None:
        super().__init__()
        linear = torch.nn.Linear

        def layer() -> torch.nn.ModuleDict:
            attention = {
                "wq": linear(32, 32),
                "wk": linear(32, 16),
                "wv": linear(32, 16),
                "wo": linear(32, 32),
            }
            mlp = {"w1": linear(32, 48), "w2": linear(48, 32), "w3": linear(32, 48)}
            return torch.nn.ModuleDict(
                {"attention": torch.nn.ModuleDict(attention), "feed_forward": torch.nn.ModuleDict(mlp)}
            )

        self.tok_embeddings = torch.nn.Embedding(40, 32)
        self.layers = torch.nn.ModuleList(layer() for _ in range(3))
        self.output = linear(32, 40, bias=False)


class NanoGPT(torch.nn.Module):
    """GPT-2's names on plain linear layers, as nanoGPT and makemore have them."""

    def __init__(self) -> None:
        super().__init__()
        linear = torch.nn.Linear

        def block() -> torch.nn.ModuleDict:
            attn = {"c_attn": linear(32, 96), "c_proj": linear(32, 32)}
            mlp = {"c_fc": linear(32, 128), "c_proj": linear(128, 32)}
            return torch.nn.ModuleDict({"attn": torch.nn.ModuleDict(attn), "mlp": torch.nn.ModuleDict(mlp)})

        parts = {"wte": torch.nn.Embedding(40, 32), "h": torch.nn.ModuleList(block() for _ in range(3))}
        self.transformer = torch.nn.ModuleDict(parts)
        self.lm_head = linear(32, 40, bias=False)


def of_nanogpt(model: torch.nn.Module) -> Projections:
    """Rows are outputs: query, key, value stacked."""
    found = named(model, {"qkv": "attn.c_attn", "output": "attn.c_proj", "up": "mlp.c_fc", "down": "mlp.c_proj"})
    for i in range(3):
        found |= dict(zip([(i, "query"), (i, "key"), (i, "value")], found.pop((i, "qkv")).chunk(3), strict=True))
    return found


def causal(config: type[tf.PreTrainedConfig], **options: object) -> Callable[[], torch.nn.Module]:
    """A language model of a tiny configuration."""
    return lambda: tf.AutoModelForCausalLM.from_config(config(**COMMON | options))


ARCHITECTURES = {
    "Llama": Architecture(causal(tf.LlamaConfig), lambda m: named(m, LLAMA)),
    "SmolLM (tied)": Architecture(causal(tf.LlamaConfig, tie_word_embeddings=True), lambda m: named(m, LLAMA)),
    "SmolLM3": Architecture(causal(tf.SmolLM3Config), lambda m: named(m, LLAMA)),
    "Mistral": Architecture(causal(tf.MistralConfig), lambda m: named(m, LLAMA)),
    "Qwen2": Architecture(causal(tf.Qwen2Config), lambda m: named(m, LLAMA)),
    "Qwen3": Architecture(causal(tf.Qwen3Config), lambda m: named(m, LLAMA)),
    "Gemma": Architecture(causal(tf.GemmaConfig), lambda m: named(m, LLAMA)),
    "OLMo 2": Architecture(causal(tf.Olmo2Config), lambda m: named(m, LLAMA)),
    "Phi-3": Architecture(causal(tf.Phi3Config), of_phi3),
    "GPT-2": Architecture(
        lambda: tf.GPT2LMHeadModel(tf.GPT2Config(vocab_size=40, n_positions=16, n_embd=32, n_layer=3, n_head=4)),
        of_gpt2,
    ),
    "GPT-2 (body only)": Architecture(
        lambda: tf.GPT2Model(tf.GPT2Config(vocab_size=40, n_positions=16, n_embd=32, n_layer=3, n_head=4)),
        of_gpt2,
    ),
    "GPT-NeoX": Architecture(causal(tf.GPTNeoXConfig), of_neox),
    "BERT": Architecture(lambda: tf.BertForMaskedLM(tf.BertConfig(**COMMON)), lambda m: named(m, BERT)),
    "RoBERTa": Architecture(lambda: tf.RobertaForMaskedLM(tf.RobertaConfig(**COMMON)), lambda m: named(m, BERT)),
    "Meta's Llama": Architecture(MetaLlama, lambda m: named(m, META)),
    "nanoGPT": Architecture(NanoGPT, of_nanogpt),
}
