"""Paper 2509.00046: distances between singular-value vectors, the laws they follow, and what is made from them.

vectors      the singular values of one projection over all layers (MSV), and the distances between them (DSV)
laws         whether distances follow a power law, a normal law, or something between
groups       the characteristic of a model: which projections stay close to which
generator    vectors whose distances follow a law that is asked for
"""
