"""Figures of fingerprints, as the two papers draw them.

kinds                what every kind of figure shows and is drawn of; needs no matplotlib
draw, write          from a kind and its subject to a file, or to lines of text
figure_data          the numbers that are drawn; needs no matplotlib either
layer_drift, family_tree, atlas_map  the same of figures on where models come from
numbers              the numbers of every figure as CSV
style                colours, hatches and markers that also tell series apart in grey
fingerprint_figures  paper 2509.19122: weight densities, std vectors, clusters, labels
law_figures          paper 2509.00046: distances of singular-value vectors and their laws
benchmark_figures    paper 2509.00046: losses that benchmarks/lora_init.py measured
lineage_figures      layer drift, the tree of a family, the map of all models
text_figures, text_lineage  the same figures in a few lines of text
"""
