"""Tiny adapters that peft itself makes on tiny models of transformers."""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import peft
import torch
import transformers as tf
from modules import COMMON
from safetensors.torch import load_file, save_file

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
QUERY_FACTOR = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
CONV1D = {"target_modules": ["c_attn", "c_proj", "c_fc"], "fan_in_fan_out": True}


def llama() -> torch.nn.Module:
    return tf.AutoModelForCausalLM.from_config(tf.LlamaConfig(**COMMON))


def phi3() -> torch.nn.Module:
    return tf.AutoModelForCausalLM.from_config(tf.Phi3Config(**COMMON))


def neox() -> torch.nn.Module:
    return tf.AutoModelForCausalLM.from_config(tf.GPTNeoXConfig(**COMMON))


def gpt2() -> torch.nn.Module:
    special = {"bos_token_id": 1, "eos_token_id": 2}
    return tf.GPT2LMHeadModel(
        tf.GPT2Config(vocab_size=40, n_positions=16, n_embd=32, n_layer=3, n_head=4, **special)
    )


def bert() -> torch.nn.Module:
    return tf.BertForSequenceClassification(tf.BertConfig(**COMMON, num_labels=3))


@dataclass(frozen=True)
class Case:
    """A base, an adapter's configuration, and the method that should be found."""

    base: Callable[[], torch.nn.Module]
    config: Callable[[], peft.PeftConfig]
    method: str


CASES = {
    "LoRA": Case(llama, lambda: peft.LoraConfig(r=4, lora_alpha=6, target_modules=ALL), "lora"),
    "rsLoRA": Case(
        llama, lambda: peft.LoraConfig(r=4, target_modules=ALL, use_rslora=True), "lora+rslora"
    ),
    "DoRA": Case(
        llama, lambda: peft.LoraConfig(r=4, target_modules=ALL, use_dora=True), "lora+dora"
    ),
    "AdaLoRA": Case(
        llama,
        lambda: peft.AdaLoraConfig(init_r=6, target_r=4, total_step=9, target_modules=ALL),
        "adalora",
    ),
    "LoHa": Case(llama, lambda: peft.LoHaConfig(r=3, alpha=6, target_modules=ALL), "loha"),
    "LoKr": Case(llama, lambda: peft.LoKrConfig(r=3, alpha=5, target_modules=ALL), "lokr"),
    "LoKr, both factors cut": Case(
        llama,
        lambda: peft.LoKrConfig(r=2, target_modules=ALL, decompose_both=True, decompose_factor=4),
        "lokr",
    ),
    "LoKr, no factor cut": Case(llama, lambda: peft.LoKrConfig(r=64, target_modules=ALL), "lokr"),
    "patterns": Case(
        llama,
        lambda: peft.LoraConfig(
            r=4,
            target_modules=ALL,
            rank_pattern={"q_proj": 2, r"layers\.1\.mlp\..*": 7},
            alpha_pattern={
                "layers.0.self_attn.q_proj": 3,
                "q_proj": 5,
                r"layers\.\d+\.mlp\.(up|down)_proj": 1,
            },
        ),
        "lora",
    ),
    "some layers": Case(
        llama,
        lambda: peft.LoraConfig(
            r=4, target_modules=["q_proj", "v_proj"], layers_to_transform=[0, 2]
        ),
        "lora",
    ),
    "Conv1D": Case(gpt2, lambda: peft.LoraConfig(r=4, **CONV1D), "lora"),
    "Conv1D, DoRA": Case(gpt2, lambda: peft.LoraConfig(r=4, use_dora=True, **CONV1D), "lora+dora"),
    "Conv1D, c_attn alone": Case(
        gpt2, lambda: peft.LoraConfig(r=4, target_modules=["c_attn"], fan_in_fan_out=True), "lora"
    ),
    "fused": Case(
        phi3,
        lambda: peft.LoraConfig(r=4, target_modules=["qkv_proj", "o_proj", "gate_up_proj"]),
        "lora",
    ),
    "fused, without output": Case(
        phi3, lambda: peft.LoraConfig(r=4, target_modules=["qkv_proj"]), "lora"
    ),
    "interleaved": Case(
        neox, lambda: peft.LoraConfig(r=4, target_modules=["query_key_value"]), "lora"
    ),
    "a head trained whole": Case(
        bert,
        lambda: peft.LoraConfig(
            r=4, target_modules=["query", "value"], modules_to_save=["classifier"]
        ),
        "lora",
    ),
    "embedding and biases": Case(
        llama,
        lambda: peft.LoraConfig(
            r=4, target_modules=["embed_tokens", "lm_head", "q_proj"], bias="all"
        ),
        "lora",
    ),
}


EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}


def qwen3_moe() -> torch.nn.Module:
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
    return tf.AutoModelForCausalLM.from_config(tf.Qwen3MoeConfig(**COMMON, **experts))


def gpt_oss() -> torch.nn.Module:
    """Experts stored inputs x outputs, gate and up row by row; 16 inner units beside 32."""
    settings = {**COMMON, "intermediate_size": 24}
    return tf.AutoModelForCausalLM.from_config(tf.GptOssConfig(**settings, **EXPERTS))


STACKS = ["mlp.experts.down_proj", "mlp.experts.gate_up_proj"]


def on_experts(**settings: object) -> Callable[[], peft.PeftConfig]:
    return lambda: peft.LoraConfig(
        r=2, lora_alpha=3, target_modules=["q_proj"], target_parameters=STACKS, **settings
    )


def begun(initialisation: str, **settings: object) -> Callable[[], peft.PeftConfig]:
    return lambda: peft.LoraConfig(
        r=4, lora_alpha=6, init_lora_weights=initialisation, **{"target_modules": ALL, **settings}
    )


# Adapters whose merge is not the base's weights and a delta of each module's weight.
FURTHER = {
    "stacks of experts": Case(qwen3_moe, on_experts(), "lora"),
    "stacks of experts, patterns": Case(
        qwen3_moe,
        on_experts(
            rank_pattern={r"layers\.(0|2)\.mlp\.experts\.gate_up_proj": 3},
            alpha_pattern={"experts.down_proj": 5},
        ),
        "lora",
    ),
    "stacks, the other way round": Case(gpt_oss, on_experts(use_rslora=True), "lora+rslora"),
    "one stack alone": Case(
        qwen3_moe,
        lambda: peft.LoraConfig(
            r=2, target_modules=[], target_parameters=["mlp.experts.gate_up_proj"]
        ),
        "lora",
    ),
    "PiSSA": Case(llama, begun("pissa"), "lora+pissa"),
    "PiSSA, rsLoRA, patterns": Case(
        llama, begun("pissa", use_rslora=True, rank_pattern={"q_proj": 3}), "lora+rslora+pissa"
    ),
    "PiSSA, Conv1D": Case(gpt2, begun("pissa", **CONV1D), "lora+pissa"),
    "OLoRA": Case(llama, begun("olora"), "lora+olora"),
    "trainable tokens": Case(
        llama,
        lambda: peft.LoraConfig(r=4, target_modules=["q_proj"], trainable_token_indices=[3, 7, 1]),
        "lora",
    ),
    "biases of B": Case(
        gpt2,
        lambda: peft.LoraConfig(r=4, lora_alpha=6, lora_bias=True, **CONV1D),
        "lora",
    ),
    "embedding, DoRA": Case(
        llama,
        lambda: peft.LoraConfig(r=4, target_modules=["embed_tokens", "q_proj"], use_dora=True),
        "lora+dora",
    ),
}


@dataclass(frozen=True)
class Made:
    """Folders of a base, an adapter and peft's own merge of both; the updates in float64 by the base's names."""

    base: Path
    adapter: Path
    merged: Path
    updates: dict[str, torch.Tensor]


def make(folder: Path, case: Case, dtype: torch.dtype = torch.float32) -> Made:
    """Build, randomise, save and merge; every parameter that trains gets a value, as if it had been trained."""
    torch.manual_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's of transformers, and about Conv1D
        base = case.base().to(dtype)
        base.save_pretrained(folder / "base")
        model = peft.get_peft_model(base, case.config())
        for i, parameter in enumerate(model.parameters()):
            if parameter.requires_grad:
                parameter.data = torch.randn_like(parameter) * (0.1 + 0.01 * (i % 7))
        model.save_pretrained(folder / "adapter")
        model.merge_and_unload().save_pretrained(folder / "merged")
        updates = exact_updates(folder, case)
    return Made(folder / "base", folder / "adapter", folder / "merged", updates)


def exact_updates(folder: Path, case: Case) -> dict[str, torch.Tensor]:
    """What peft adds to each weight, in float64."""
    model = peft.PeftModel.from_pretrained(case.base(), folder / "adapter").double()
    return {
        f"{name.removeprefix('base_model.model.')}.weight": module.get_delta_weight(
            "default"
        ).detach()
        for name, module in model.named_modules()
        if hasattr(module, "get_delta_weight")
    }


def rewrite(
    adapter: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
) -> Path:
    """Change an adapter's tensors in place."""
    file = adapter / "adapter_model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in change(load_file(file)).items()}, file)
    return adapter


def write_adapter(folder: Path, tensors: dict[str, torch.Tensor], **settings: object) -> Path:
    """An adapter of whatever tensors and settings."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        folder / "adapter_model.safetensors",
    )
    config = {
        "peft_type": "LORA",
        "r": 4,
        "lora_alpha": 8,
        "base_model_name_or_path": "org/base",
        **settings,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def query_factors(rank: int = 4, layers: int = 2, scale: float = 1.0) -> dict[str, torch.Tensor]:
    """Factors for the queries of the made-up Llama."""
    draw = torch.Generator().manual_seed(1)
    tensors = {
        QUERY_FACTOR.format(i, "A"): torch.randn(rank, 16, generator=draw) for i in range(layers)
    }
    return tensors | {
        QUERY_FACTOR.format(i, "B"): scale * torch.randn(16, rank, generator=draw)
        for i in range(layers)
    }
