"""Measure whether LoRA trains better from the initialisation of arXiv 2509.00046, section 4, than from others.

    python benchmarks/lora_init.py [--seeds 5] [--steps 200] [--device cpu] [--size tiny] [--json]

Three models are trained on source text: a base, a larger one of its family, and one of another family. Then adapters
of the base are trained on unseen prose, each seed in the same order of the text, from these initialisations: peft's;
the paper's with the base itself, the larger and the other model as reference, with the groups that table 3 gives two
models, and with the base itself and the output kept; PiSSA's. Held-out loss is that of the last tenth of the prose; the
test is a paired t test over seeds against peft's. Ends with one JSON line.
"""

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from scipy import stats
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel, Qwen2Config
from zoo.models import blank
from zoo.roots import WINDOW, WORDS
from zoo.text import tokens, vocabulary
from zoo.training import train

import registry
from registry.characteristic.groups import Characteristic, Group, characteristic, published_of
from registry.lora_init.initialisation import lora_init

RANK, ALPHA, RATE, BATCH, EVERY = 8, 16.0, 1e-3, 4, 10
PAPERS = ("LLaMA3.2-8B", "SmolLM2-1.7B")  # whose groups, of table 3, shape adapters too
SIZES = {  # width and layers of the base, of the larger one, steps of their training
    "tiny": ((96, 8), (160, 10), 300),
    "large": ((512, 16), (1024, 20), 6000),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", choices=SIZES, default="tiny", help="large is for a GPU")
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    options = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        answer = experiment(Path(folder), options)
    if not options.json:
        print(drawn(answer), file=sys.stderr)
    print(json.dumps(answer))


def quiet() -> None:
    """No bars and no advice."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=UserWarning)


def experiment(folder: Path, options: argparse.Namespace) -> dict:
    """Train the models, then every adapter from every initialisation."""
    known = models(folder, options)
    found = {
        name: characteristic(registry.fingerprint(path, rank=16)) for name, path in known.items()
    }
    found |= {name: of_paper(name) for name in PAPERS}
    starts = ways(folder, known["base"], found)
    runs: dict[str, list[dict]] = {way: [] for way in starts}
    for seed in range(options.seeds):
        for way, start in starts.items():
            runs[way].append(trained(start(seed), seed, options))
    groups = {
        name: [[group.referenced, *group.members] for group in each.groups]
        for name, each in found.items()
    }
    return {"seeds": options.seeds, "steps": options.steps, "groups": groups} | {
        "ways": summary(runs)
    }


def of_paper(name: str) -> Characteristic:
    """The groups that table 3 gives a model."""
    row = published_of(name)
    assert row
    return Characteristic(
        16, tuple(Group(first, tuple(members)) for first, *members in row["groups"]), ()
    )


def models(folder: Path, options: argparse.Namespace) -> dict[str, Path]:
    """The base, a larger model of its family, one of another: trained, and saved."""
    (width, layers), (larger, more), steps = SIZES[options.size]
    plans = {"base": (LlamaConfig, width, layers), "larger": (LlamaConfig, larger, more)}
    plans["other"] = (Qwen2Config, width, layers)
    ids = tokens("network", vocabulary("network", WORDS))
    for seed, (name, (config, size, depth)) in enumerate(plans.items()):
        torch.manual_seed(seed)
        model = blank(
            config(
                vocab_size=WORDS, hidden_size=size, intermediate_size=8 * size // 3, num_hidden_layers=depth,
                num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=WINDOW,
            )
        )  # fmt: skip
        train(
            model,
            ids,
            steps=steps,
            rate=3e-3 * 96 / size,
            decay=0.1,
            seed=seed,
            device=options.device,
        )
        model.save_pretrained(folder / name)
    return {name: folder / name for name in plans}


def ways(
    folder: Path, base: Path, found: dict[str, Characteristic]
) -> dict[str, Callable[[int], PeftModel]]:
    """Every initialisation, as a function of the seed."""

    def shaped(reference: str, *, keep_output: bool = False) -> Callable[[int], PeftModel]:
        def start(seed: int) -> PeftModel:
            target = folder / f"{reference} {keep_output} {seed}"
            options = {"lora_rank": RANK, "alpha": ALPHA, "seed": seed, "keep_output": keep_output}
            lora_init(base, (reference, found[reference]), target, **options)
            model = loaded(target / "base" if keep_output else base)
            return PeftModel.from_pretrained(model, str(target), is_trainable=True)

        return start

    def own(init: bool | str) -> Callable[[int], PeftModel]:
        def start(seed: int) -> PeftModel:
            torch.manual_seed(seed)
            config = LoraConfig(
                r=RANK,
                lora_alpha=ALPHA,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
                init_lora_weights=init,
            )
            return get_peft_model(loaded(base), config)

        return start

    names = {"self": "base", "larger of the family": "larger", "other family": "other"} | {
        n: n for n in PAPERS
    }
    made = {way: shaped(name) for way, name in names.items() if found[name].usable}
    kept = {"self, output kept": shaped("base", keep_output=True)} if found["base"].usable else {}
    return {"default": own(True)} | made | kept | {"pissa": own("pissa")}


def loaded(folder: Path) -> PreTrainedModel:
    """A model in float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def trained(model: PeftModel, seed: int, options: argparse.Namespace) -> dict:
    """Train an adapter: its losses on the way, and on what it has not seen, every EVERY steps."""
    ids = tokens("reference", vocabulary("network", WORDS))
    cut = 9 * len(ids) // 10
    model.to(options.device).train()
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE)
    rise = max(1, options.steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / rise, (options.steps - step) / (options.steps - rise + 1)),
    )
    curve, held_out = [], [unseen(model, ids[cut:], options.device)]
    for step, rows in enumerate(windows(ids[:cut], options.steps, seed), 1):
        loss = model(
            input_ids=rows.to(options.device), labels=rows.to(options.device), use_cache=False
        ).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        curve.append(float(loss.detach()))
        if step % EVERY == 0:
            held_out.append(unseen(model, ids[cut:], options.device))
    return {"train": curve, "held_out": held_out}


def windows(ids: torch.Tensor, count: int, seed: int) -> Iterator[torch.Tensor]:
    """Random pieces of a text, the same for every initialisation."""
    draw = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield ids[
            torch.randint(len(ids) - WINDOW, (BATCH, 1), generator=draw) + torch.arange(WINDOW)
        ]


def unseen(model: PeftModel, ids: torch.Tensor, device: str) -> float:
    """Mean loss on 64 pieces of the held-out text, nats a token."""
    model.eval()
    starts = torch.linspace(0, len(ids) - WINDOW, 64).long()[:, None]
    rows = ids[starts + torch.arange(WINDOW)].to(device)
    with torch.no_grad():
        loss = model(input_ids=rows, labels=rows, use_cache=False).loss
    model.train()
    return float(loss)


def summary(runs: dict[str, list[dict]]) -> dict[str, dict]:
    """Losses over seeds of every initialisation, and the paired test against peft's."""
    ends = {way: np.array([run["held_out"][-1] for run in own]) for way, own in runs.items()}
    found = {}
    for way, own in runs.items():
        curves = np.array([run["held_out"] for run in own])
        found[way] = {
            "held_out": round(float(ends[way].mean()), 4),
            "before": round(float(curves[:, 0].mean()), 4),
            "difference": round(float((ends[way] - ends["default"]).mean()), 4),
            "p_value": None
            if way == "default"
            else float(stats.ttest_rel(ends[way], ends["default"]).pvalue),
            "curve": {
                "mean": rounded(curves.mean(0)),
                "low": rounded(curves.min(0)),
                "high": rounded(curves.max(0)),
            },
            "train": rounded(np.mean([run["train"] for run in own], axis=0)),
        }
    return found


def rounded(values: np.ndarray) -> list[float]:
    """Four places are enough."""
    return [round(float(value), 4) for value in values]


def drawn(answer: dict) -> str:
    """The table."""
    lines = [f"{'initialisation':24} {'before':>8} {'held out':>9} {'difference':>11} {'p':>8}"]
    for way, row in answer["ways"].items():
        p_value = "" if row["p_value"] is None else f"{row['p_value']:.2g}"
        lines.append(
            f"{way:24} {row['before']:8.4f} {row['held_out']:9.4f} {row['difference']:+11.4f} {p_value:>8}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
