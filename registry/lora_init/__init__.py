"""LoRA adapters initialised in the shape of a reference model, written as PEFT reads them."""
