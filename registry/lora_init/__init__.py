"""LoRA factors that start in the shape of a reference's characteristic, written as PEFT reads them."""
