"""Training on next tokens: from random weights, further, and by low-rank adapters."""

from types import SimpleNamespace
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from zoo.recipes import WINDOW

RANK = 8


def train(
    model: torch.nn.Module,
    ids: torch.Tensor,
    *,
    steps: int,
    rate: float,
    decay: float = 0.0,
    batch: int = 8,
    seed: int = 0,
    device: str = "cpu",
) -> float:
    """Train on random windows of a text with AdamW, rising for a tenth of the steps, then falling to zero.

    The model visits the device and comes back. Returns the mean loss of the last tenth in nats a token.
    """
    model.to(device).train()
    draw = torch.Generator().manual_seed(seed)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=rate, weight_decay=decay, betas=(0.9, 0.95))
    rise = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (steps - step) / (steps - rise + 1))
    )
    losses = []
    for _ in range(steps):
        starts = torch.randint(len(ids) - WINDOW, (batch, 1), generator=draw)
        rows = ids[starts + torch.arange(WINDOW)].to(device)
        loss = model(input_ids=rows, labels=rows, use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
    model.cpu().eval()
    return float(torch.stack(losses[-rise:]).mean())


class Taught(torch.nn.Module):
    """A student to train on a teacher's distributions of the next token, and on no text's."""

    def __init__(self, student: PreTrainedModel, teacher: PreTrainedModel) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher.requires_grad_(requires_grad=False)

    def forward(self, input_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
        """The divergence of the student's distributions from the teacher's, in nats a token."""
        goal = self.teacher(input_ids=input_ids, use_cache=False).logits.log_softmax(-1)
        given = self.student(input_ids=input_ids, use_cache=False).logits.log_softmax(-1)
        divergence = torch.nn.functional.kl_div(
            given.flatten(0, 1), goal.flatten(0, 1), log_target=True, reduction="batchmean"
        )
        return SimpleNamespace(loss=divergence)


def adapter(model: PreTrainedModel, ids: torch.Tensor, *, seed: int, **options: Any) -> PeftModel:
    """A low-rank adapter on every linear projection, trained with the options of `train`, on its unchanged base."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules="all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    train(adapted, ids, seed=seed, **options)
    return adapted
