"""Tiny language models and their descendants by every common change of weights, with the truth recorded.

    cd benchmarks; python -m zoo FOLDER

`roots` are trained from random weights, `plan` lists what is derived from each, `build` does it and writes the
manifest. Every folder is what save_pretrained gives, with its tokenizer.
"""
