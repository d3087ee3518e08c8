"""Pictures of fingerprints, as the two papers draw them: one function each, which returns a matplotlib Figure.

style     colours, hatches and markers that also tell series apart in grey
first     paper 2509.19122: weight densities, std vectors, clusters, labels
second    paper 2509.00046: distances of singular values, their laws, the generator, losses
lines     the same, in a few lines of text
kinds     which picture is which: the table that `registry plot` reads
"""
