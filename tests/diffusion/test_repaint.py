"""RePaint against diffusers' list of times, against plain sampling in the limits, and on Gaussians of known answer."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import RePaintScheduler

from selfrefine import networks
from selfrefine.core import pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import inpainting_masks, noise_schedule, repaint, sampling
from selfrefine.diffusion.repaint import Resampling
from tests.support import tiny
from tests.support.damage import replace_kept

PAPER = Resampling(250, 10, 10, 1)
SHORT = Resampling(steps=6, jump_length=2, jump_samples=2, step_samples=1)
ONCE = Resampling(steps=6, jump_length=2, jump_samples=1, step_samples=1)
LEVELS = noise_schedule.Schedule(torch.from_numpy(np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))).float())


def improved_pipeline():
    diffusion = {"schedule": "squaredcos_cap_v2", "timesteps": tiny.TIMESTEPS, "learned_variance": True}
    return networks.build("improved_ddpm", tiny.NETWORK, diffusion, tiny.SIZE, seed=0)


def streams(purpose, n):
    return [random_streams.stream(0, purpose, row) for row in range(n)]


# -- the way through the chain -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "length", "samples"), [(250, 10, 10), (50, 5, 3), (20, 7, 2), (11, 10, 4)])
def test_times_are_those_of_diffusers(steps, length, samples):
    theirs = RePaintScheduler(num_train_timesteps=steps)
    theirs.set_timesteps(steps, jump_length=length, jump_n_sample=samples)
    assert Resampling(steps, length, samples, 1).times() == [*theirs.timesteps.tolist(), -1]


def test_the_paper_goes_down_2410_and_up_2160_steps():
    moves = [after - place for place, after in pairwise(PAPER.times())]
    assert (moves.count(-1), moves.count(1), len(moves)) == (2410, 2160, 4570)
    assert PAPER.evaluations() == 2410


@pytest.mark.parametrize(("step_samples", "evaluations"), [(2, 4818), (4, 9634)])
def test_the_authors_go_each_step_several_times(step_samples, evaluations):
    """Method 5.4."""
    resampling = Resampling(250, 10, 10, step_samples)
    assert resampling.evaluations() == evaluations
    times = resampling.times()
    assert {abs(after - place) for place, after in pairwise(times)} == {1}
    assert (times[:3], times[-2:]) == ([249, 248, 247], [0, -1])
    assert times[2 : 2 * step_samples + 2] == [247, *[248, 247] * (step_samples - 1), 246]


@pytest.mark.parametrize("wrong", [(1, 1, 1, 1), (6, 0, 1, 1), (6, 1, 0, 1), (6, 1, 1, 0)])
def test_a_way_that_leads_nowhere_is_refused(wrong):
    with pytest.raises(InputError, match="steps 2 or more, the others 1 or more"):
        Resampling(*wrong).times()


# -- the limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tiny.tiny_pipeline, improved_pipeline])
@pytest.mark.parametrize("steps", [6, tiny.TIMESTEPS])
def test_without_known_pixels_and_jumps_it_is_ancestral_sampling_bit_for_bit(make, steps):
    pipeline = make()
    levels, shape = noise_schedule.of(pipeline), (3, 3, tiny.SIZE, tiny.SIZE)
    with torch.no_grad():
        ours = repaint.repaint(
            pipeline.unet,
            levels,
            torch.rand(shape),
            torch.zeros(3, 1, *shape[2:]),
            Resampling(steps, 2, 1, 1),
            streams("inpainting", 3),
            streams("known_pixels", 3),
        )
    plain = sampling.sample_chunk(
        pipeline.unet, levels, streams("inpainting", 3), sampler="ancestral", steps=steps, dtype=torch.float32
    )
    assert torch.equal(ours, plain)


class Watched(torch.nn.Module):
    """A network that notes what it is given; predicts no noise."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, noisy, t):
        self.seen.append((noisy, t))
        return type("Output", (), {"sample": torch.zeros_like(noisy)})


def test_where_all_is_known_the_network_sees_the_image_with_its_noise():
    network, images = Watched(), torch.rand(2, 3, 4, 4) * 2 - 1
    resampling, known = Resampling(20, 5, 3, 2), torch.ones(2, 1, 4, 4)
    made = repaint.repaint(
        network, LEVELS, images, known, resampling, streams("inpainting", 2), streams("known_pixels", 2)
    )
    noise, places = streams("known_pixels", 2), [a for a, b in pairwise(resampling.times()) if b < a]
    chain = LEVELS.chain(20)[::-1]
    assert [t for _, t in network.seen] == [chain[place][0] for place in places]
    for (noisy, _), place in list(zip(network.seen, places, strict=True))[1:]:
        level = chain[place][1]
        expected = level**0.5 * images + (1 - level) ** 0.5 * random_streams.image_noise(noise, (3, 4, 4))
        torch.testing.assert_close(noisy, expected)
    last = network.seen[-1][0]
    torch.testing.assert_close(made, (last / chain[0][1] ** 0.5).clamp(-1, 1))  # x_0 of the network, nothing pasted


# -- Gaussians of known answer -----------------------------------------------------------------------------------------


class GaussianScore(torch.nn.Module):
    """The exact noise predictor of images ~ N(0, covariance over the pixels of a row)."""

    def __init__(self, covariance):
        super().__init__()
        self.covariance = covariance

    def forward(self, noisy, t):
        level = float(LEVELS.alphas_cumprod[t])
        total = level * self.covariance + (1 - level) * torch.eye(len(self.covariance))
        return type("Output", (), {"sample": (1 - level) ** 0.5 * noisy @ torch.linalg.inv(total)})


@pytest.mark.parametrize("resampling", [Resampling(40, 5, 4, 1), Resampling(40, 5, 2, 3)])
def test_going_back_keeps_the_variance_that_the_chain_has(resampling):
    """With nothing known every step is linear: the variance of the images follows from the list of times."""
    variance, chain = 0.04, LEVELS.chain(40)[::-1]
    expected = 1.0
    for place, after in pairwise(resampling.times()):
        if after > place:
            kept = chain[after][1] / chain[place][1]
            expected = kept * expected + 1 - kept
            continue
        level, lower = chain[place][1:]
        beta = 1 - level / lower
        image = level**0.5 * variance / (level * variance + 1 - level)  # E(x_0 | x_t) / x_t
        gain = lower**0.5 * beta / (1 - level) * image + (1 - beta) ** 0.5 * (1 - lower) / (1 - level)
        expected = gain**2 * expected + (beta if place else 0.0)
    n = 200
    made = repaint.repaint(
        GaussianScore(variance * torch.eye(16)),
        LEVELS,
        torch.zeros(n, 1, 16, 16),
        torch.zeros(n, 1, 16, 16),
        resampling,
        streams("inpainting", n),
        streams("known_pixels", n),
    )
    assert float(made.var()) == pytest.approx(expected, rel=4 * (2 / made.numel()) ** 0.5)


def filled(jump_samples, n=1000, known_value=0.2, rho=0.9):
    """Mean of the right one of two correlated pixels, where the left one is known: of images, and from the times alone.

    Every step is linear, so that the mean has a recursion of its own.
    """
    covariance = 0.04 * torch.tensor([[1.0, rho], [rho, 1.0]])
    resampling, chain = Resampling(20, 4, jump_samples, 1), LEVELS.chain(20)[::-1]
    mean = np.zeros(2)
    for number, (place, after) in enumerate(pairwise(resampling.times())):
        if after > place:
            mean = (chain[after][1] / chain[place][1]) ** 0.5 * mean
            continue
        level, lower = chain[place][1:]
        mean[0] = level**0.5 * known_value if number else mean[0]
        image = level**0.5 * covariance.numpy() @ np.linalg.inv(level * covariance.numpy() + (1 - level) * np.eye(2))
        beta = 1 - level / lower
        step = lower**0.5 * beta / (1 - level) * image + (1 - beta) ** 0.5 * (1 - lower) / (1 - level) * np.eye(2)
        mean = step @ mean
    images, known = torch.tensor([known_value, 7.0]), torch.tensor([1.0, 0.0])
    made = repaint.repaint(
        GaussianScore(covariance),
        LEVELS,
        images.expand(n, 1, 1, 2),
        known.expand(n, 1, 1, 2),
        resampling,
        streams("inpainting", n),
        streams("known_pixels", n),
    )[:, 0, 0, 1]
    assert float(made.mean()) == pytest.approx(mean[1], abs=4 * float(made.std()) / n**0.5)
    return mean[1]


def test_resampling_brings_the_unknown_part_to_what_the_known_one_asks_for():
    """The conditional mean is 0.9 x 0.2; without resampling the known pixel is heard too little."""
    once, often = filled(1), filled(4)
    assert 0.0 < once < often < 0.18


# -- many images -------------------------------------------------------------------------------------------------------


def inpaint(scratch, n=10, chunk_size=4, images=None, resampling=SHORT, seed=0, known=None):
    pipeline = tiny.tiny_pipeline()
    scratch.mkdir(exist_ok=True)
    return repaint.inpaint_images(
        pipeline.unet,
        noise_schedule.of(pipeline),
        tiny.tiny_images(n) if images is None else images,
        inpainting_masks.first_masks("wide", "native", tiny.SIZE, n, 0) if known is None else known,
        scratch,
        label="test",
        seed=seed,
        resampling=resampling,
        chunk_size=chunk_size,
        dtype=torch.float32,
    )


def test_an_image_does_not_depend_on_how_many_follow_it(tmp_path):
    few, many = (inpaint(tmp_path / str(n), n=n) for n in (5, 10))
    assert few.shape == (5, tiny.SIZE, tiny.SIZE, 3)
    assert np.array_equal(few, many[:5])
    other = inpaint(tmp_path / "chunk", chunk_size=7).astype(int)
    assert np.abs(other - many).max() <= 1  # last bits


def test_finished_chunks_are_not_made_again(tmp_path):
    whole = inpaint(tmp_path / "whole")
    inpaint(tmp_path / "part", n=8)  # two chunks of four, then a kill
    marked = np.zeros((4, tiny.SIZE, tiny.SIZE, 3), np.uint8)
    replace_kept(tmp_path / "part", "chunk00000000.npy", marked)
    resumed = inpaint(tmp_path / "part")
    assert np.array_equal(resumed[:4], marked)
    assert np.array_equal(resumed[4:], whole[4:])


def test_what_stands_in_the_hole_changes_nothing_and_what_is_known_does(tmp_path):
    images, known = tiny.tiny_images(4), inpainting_masks.first_masks("wide", "native", tiny.SIZE, 4, 0)
    hole = np.broadcast_to(known[..., None] == 0, images.shape)
    made = inpaint(tmp_path / "plain", n=4)
    assert np.array_equal(inpaint(tmp_path / "hole", n=4, images=np.where(hole, 255 - images, images)), made)
    assert not np.array_equal(inpaint(tmp_path / "known", n=4, images=np.where(hole, images, 255 - images)), made)
    assert not np.array_equal(inpaint(tmp_path / "seed", n=4, seed=1), made)


def test_known_pixels_are_near_the_image_and_pasted_exactly(tmp_path):
    images, known = tiny.tiny_images(4), inpainting_masks.first_masks("wide", "native", tiny.SIZE, 4, 0)
    made = inpaint(tmp_path, n=4)
    composited = repaint.paste(images, made, known)
    inside = known == 255
    assert np.array_equal(composited[inside], images[inside])
    assert np.array_equal(composited[~inside], made[~inside])
    assert not np.array_equal(made[inside], images[inside])


def test_half_known_pixels_are_mixed_and_not_pasted(tmp_path):
    """The authors' alternating lines: 128 of 255 everywhere."""
    images, half = tiny.tiny_images(4), np.full((4, tiny.SIZE, tiny.SIZE), 128, np.uint8)
    made = inpaint(tmp_path / "half", n=4, known=half)
    assert np.array_equal(repaint.paste(images, made, half), made)
    errors = [
        np.abs(inpaint(tmp_path / str(value), n=4, known=np.full_like(half, value)).astype(int) - images).mean()
        for value in (255, 128, 0)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_grey_networks_and_learned_variances(tmp_path):
    diffusion = {"schedule": "squaredcos_cap_v2", "timesteps": tiny.TIMESTEPS, "learned_variance": True}
    grey = networks.build("improved_ddpm", tiny.NETWORK | {"channels": 1}, diffusion, tiny.SIZE, seed=0)
    images = tiny.tiny_images(3)[..., :1].repeat(3, axis=-1)
    known = inpainting_masks.first_masks("narrow", "native", tiny.SIZE, 3, 0)
    made = repaint.repaint_chunk(
        grey.unet,
        noise_schedule.of(grey),
        images,
        known,
        SHORT,
        [streams(purpose, 3) for purpose in repaint.PURPOSES],
        torch.float32,
    )
    assert np.array_equal(made[..., 0], made[..., 2])
    assert pixels.to_float(made).isfinite().all()


def test_the_least_noise_of_known_pixels_bounds_psnr():
    """Method 5.4: -20 log10(s_0 / 2) = 49.86 dB for the cosine schedule of 1000 steps, 46.02 dB for the linear one."""
    network = {**tiny.NETWORK, "channels": 1}
    for name, family, expected in (("squaredcos_cap_v2", "improved_ddpm", 49.86), ("linear", "ddpm", 46.02)):
        diffusion = {"schedule": name, "timesteps": 1000, "learned_variance": False}
        levels = noise_schedule.of(networks.build(family, network, diffusion, tiny.SIZE, seed=0))
        images, known = torch.rand(300, 1, 8, 8) - 0.5, torch.ones(300, 1, 8, 8)
        made = repaint.repaint(
            Watched(), levels, images, known, Resampling(2, 1, 1, 1), streams("inpainting", 300), streams("masks", 300)
        )
        error = float((made - images).square().mean()) / 4.0  # of images in [0, 1]
        assert -10 * np.log10(error) == pytest.approx(expected, abs=0.1), name


@pytest.mark.parametrize(
    ("images", "known", "told"),
    [
        (tiny.tiny_images(4, 16), np.zeros((4, 16, 16), np.uint8), "16 x 16 px given, 8 x 8 needed"),
        (tiny.tiny_images(4), np.zeros((3, 8, 8), np.uint8), r"masks: \(3, 8, 8\) given, \(4, 8, 8\) needed"),
    ],
)
def test_what_does_not_fit_the_network_is_one_line(tmp_path, images, known, told):
    with pytest.raises(InputError, match=told) as error:
        inpaint(tmp_path, images=images, known=known)
    assert "\n" not in str(error.value)
