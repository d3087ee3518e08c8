"""Paper 2509.00046: distances between singular-value vectors, the laws they follow, what they make.

vectors      the singular values of one projection over all layers (MSV), their distances (DSV)
pareto       generalised Pareto laws, fitted by maximum likelihood
laws         whether distances follow a power law, a normal law, or something between
dsv          the laws of a fingerprint's distances, set by set
groups       the characteristic of a model: which projections stay close to which
generator    vectors whose distances follow a law that is asked for
"""
