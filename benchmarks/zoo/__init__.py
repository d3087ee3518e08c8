"""Tiny language models trained in the open, and everything that people do to a model's weights, with the truth beside.

    cd benchmarks; python -m zoo FOLDER

`roots` are trained from random weights, `plan` tells what is derived from each, `build` does it and writes the
manifest. Every folder is what save_pretrained gives, with its tokenizer.
"""
