"""Figures of fingerprints, as the two papers draw them.

kinds                what every kind of figure shows and is drawn of; needs no matplotlib
draw, write          from a kind and its subject to a file, or to lines of text
figure_data          the numbers that are drawn; needs no matplotlib either
style                colours, hatches and markers that also tell series apart in grey
fingerprint_figures  paper 2509.19122: weight densities, std vectors, clusters, labels
law_figures          paper 2509.00046: distances of singular-value vectors and their laws
benchmark_figures    paper 2509.00046: losses that benchmarks/lora_init.py measured
text_figures         the same figures in a few lines of text
"""
