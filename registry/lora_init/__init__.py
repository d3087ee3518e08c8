"""LoRA adapters initialised in the shape of a reference model, written as PEFT reads them.

initialisation    the way in: from a base model and a reference to an adapter on disk
factors           A and B, drawn after the reference's characteristic (paper 2509.00046, section 4)
peft_files        the adapter's files, and the base minus B A
"""
