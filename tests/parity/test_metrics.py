"""Our figures against torch-fidelity's and against scipy's matrix square root."""

import numpy as np
import pytest
import torch
import torch_fidelity
from scipy.linalg import sqrtm
from torch.utils.data import Dataset
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from selfrefine.core import arrays
from selfrefine.metrics import features
from selfrefine.metrics.balls import Balls, figures
from selfrefine.metrics.frechet import frechet_distance, gaussian
from selfrefine.metrics.kernel import Pool, kernel_distance
from selfrefine.pretrained.imagenet_backbones import alexnet_features

N, D = 300, 40


@pytest.fixture(scope="module")
def pair():
    """Skewed, correlated features of two sets, as those behind a ReLU."""
    draws = np.random.default_rng(0)
    mixing = draws.normal(size=(D, D))
    return tuple(np.maximum(draws.normal(shift, 1.0, (N, D)) @ mixing, 0.0) for shift in (0.0, 0.2))


def test_frechet_distance(pair):
    x, y = pair
    ours = frechet_distance(gaussian(x), gaussian(y))
    theirs = fid_statistics_to_metric(*(fid_features_to_statistics(torch.from_numpy(z)) for z in pair), verbose=False)
    assert ours == pytest.approx(theirs["frechet_inception_distance"], rel=1e-9)


@pytest.mark.parametrize("n", [N, D // 2])
def test_frechet_distance_by_matrix_square_root(pair, n):
    """As pytorch-fid does; with fewer images than features the covariances are singular."""
    x, y = (z[:n] for z in pair)
    sigmas = [np.cov(z, rowvar=False) for z in (x, y)]
    shift = x.mean(axis=0) - y.mean(axis=0)
    offset = 0.0 if n > D else 1e-9 * np.eye(D)
    root = sqrtm((sigmas[0] + offset) @ (sigmas[1] + offset))
    expected = shift @ shift + np.trace(sigmas[0]) + np.trace(sigmas[1]) - 2.0 * np.trace(root.real)
    assert frechet_distance(gaussian(x), gaussian(y)) == pytest.approx(expected, rel=1e-6 if n > D else 1e-3)


def test_kernel_distance(pair):
    theirs = kid_features_to_metric(*map(torch.from_numpy, pair), kid_subsets=1, kid_subset_size=N, verbose=False)
    assert kernel_distance(*map(Pool, pair))[0] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)


@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_precision_and_recall(pair, neighbours):
    generated, real = pair
    theirs = prc_features_to_metric(*map(torch.from_numpy, pair), prc_neighborhood=neighbours, verbose=False)
    ours = figures(Balls(generated, neighbours), Balls(real, neighbours))
    for name in ("precision", "recall"):
        assert ours[name] == pytest.approx(theirs[name], abs=1e-6)


class Images(Dataset):
    """Stored images as torch-fidelity wants them: (3, H, W) uint8."""

    def __init__(self, images):
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


def test_the_whole_way_from_images(tmp_path):
    """torch-fidelity's own loop over our registered extractor gives our figures."""
    weights = tmp_path / "weights.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        arrays.write_tensors(weights, {f"features.{k}": v for k, v in alexnet_features().state_dict().items()})
    draws = np.random.default_rng(1)
    sets = [draws.integers(0, high, (60, 16, 16, 3), dtype=np.uint8) for high in (200, 256)]
    name = "alexnet_conv5_gap"
    theirs = torch_fidelity.calculate_metrics(
        input1=Images(sets[0]),
        input2=Images(sets[1]),
        feature_extractor=name,
        feature_extractor_weights_path=weights,
        fid=True,
        kid=True,
        kid_subsets=1,
        kid_subset_size=60,
        prc=True,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    model = features.extractor(name, {"alexnet": weights})
    x, y = (
        features.extract(model, images, batch_size=32, device=torch.device("cpu"), label="test").astype(np.float64)
        for images in sets
    )
    # torch-fidelity's sums are float32 in part.
    assert frechet_distance(gaussian(x), gaussian(y)) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-3)
    assert kernel_distance(Pool(x), Pool(y))[0] == pytest.approx(theirs["kernel_inception_distance_mean"], abs=1e-6)
    ours = figures(Balls(x, 3), Balls(y, 3))
    for metric in ("precision", "recall"):
        assert ours[metric] == pytest.approx(theirs[metric], abs=1.5 / 60)
