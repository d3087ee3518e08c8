"""Tiny language models and their descendants by every common change of weights, with the truth recorded.

    cd benchmarks; python -m zoo FOLDER

`roots` lists what is trained from random weights (or left untrained) by the `recipes`, `plan` and `further` what is
derived from each, `truth` what each change is called; `build` does it and writes the `manifest`. Every folder is what
save_pretrained gives, with its tokenizer.
"""
