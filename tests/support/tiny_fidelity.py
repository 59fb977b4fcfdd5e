"""Maps of known mean and noise, for the tests of the study of cheap maps."""

import numpy as np

from selfrefine.cost.refresh_fidelity import Model, Size

PIXELS = 400
SPREAD = 0.1  # standard deviation over pixels of the true map
MEAN = 0.4
REFERENCE, FEW, MANY = Size(4000, 250), Size(4, 10), Size(4, 250)
CANDIDATES = [MANY, FEW]


def truth(seed=0):
    """A map with mean MEAN and standard deviation SPREAD."""
    pattern = np.random.default_rng(seed).normal(size=PIXELS)
    return MEAN + SPREAD * (pattern - pattern.mean()) / pattern.std()


def single(true, noise, count, seed):
    """Maps of single images: the true map and independent noise of so many of its standard deviations."""
    draws = np.random.default_rng(seed).normal(scale=noise * SPREAD, size=(count, PIXELS))
    return (true + draws).astype(np.float32)


def model(number=0, noise=2.0, slope=1.0, shift=0.0, count=2000, true=None):
    """A model whose maps of few steps are `slope` times the true pattern and shifted in the mean."""
    true = truth(number) if true is None else true
    names = {"dataset": "shapes", "model": "tiny", "seed": str(number), "highlighter": "flaw"}
    few = MEAN + shift + slope * (true - MEAN)
    pools = {steps: single(some, noise, count, 10 * number + steps) for steps, some in ((10, few), (250, true))}
    return Model(names, single(true, noise, REFERENCE.images, 1000 + number), pools)
