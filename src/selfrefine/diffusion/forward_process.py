"""The forward process and the loss, plain and self-refining.

Notation of method.md: abar_t is the cumulative alpha, M the guidance map in [0, 1], lf its forward weight.
"""

from typing import Generic, Literal, NamedTuple, TypeVar, get_args

from torch import Tensor
from torch.nn import functional

# How the guidance map enters the forward process (method 1.2): not at all; in x_t (paper mode); in x_t and the target;
# added to the target (the authors' U-ViT); added to x_t; as weights of the loss.
ForwardProcess = Literal["none", "xt", "both", "tgt_add", "xt_add", "loss_weight"]
# What a network says of x_t, by diffusers' names: eps; v = sqrt(abar_t) eps - sqrt(1 - abar_t) x_0 (Salimans & Ho 2022,
# section 4); x_0.
Prediction = Literal["epsilon", "v_prediction", "sample"]
PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)

Number = TypeVar("Number", float, Tensor)


class Noise(NamedTuple):
    """The parts that noise plays in a training step, each (N, C, H, W) float32; the factor is (H, W) or None for 1."""

    injected: Tensor  # what x_t is made with
    target: Tensor  # what the network should predict
    loss_factor: Tensor | None = None  # what the squared error of each pixel is multiplied by


def steer(noise: Tensor, guidance_map: Tensor | None, process: ForwardProcess, weight: float) -> Noise:
    """Noise after the self-refining forward process; without map or weight the plain one, bit for bit. Method 1.2.

    Args:
        noise: eps, (N, C, h, w) float32.
        guidance_map: M, (H, W) float32; for latents averaged over areas to (h, w), as the mFAM to images (method 3).
        process: how the map enters.
        weight: lf >= 0.
    """
    if guidance_map is None or weight == 0.0 or process == "none":
        return Noise(noise, noise)
    if guidance_map.shape != noise.shape[-2:]:
        guidance_map = functional.interpolate(guidance_map[None, None], size=noise.shape[-2:], mode="area")[0, 0]
    match process:
        case "xt":
            return Noise(amplify(noise, guidance_map, weight), noise)
        case "both":
            amplified = amplify(noise, guidance_map, weight)
            return Noise(amplified, amplified)
        case "tgt_add":
            return Noise(noise, noise + weight * guidance_map)
        case "xt_add":
            return Noise(noise + weight * guidance_map, noise)
        case "loss_weight":
            return Noise(noise, noise, 1.0 + weight * guidance_map)


def perturb(noise: Tensor, other: Tensor, gamma: float) -> Noise:
    """DDPM-IP (Ning et al. 2023): x_t is made with eps + gamma xi, the target stays eps. Method 1.3.

    Args:
        noise: eps, (N, C, H, W) float32.
        other: xi, the same shape, independent of eps.
        gamma: strength of the perturbation.
    """
    return Noise(noise + gamma * other, noise)


def amplify(noise: Tensor, guidance_map: Tensor, weight: float) -> Tensor:
    """More noise where the map is high: eps~ = eps * (1 + lf M). Paper Eq. 2, method 1.2.

    Args:
        noise: eps, (N, C, H, W) float32.
        guidance_map: M, (H, W) float32 in [0, 1]; shared by the batch and the channels.
        weight: lf >= 0.
    """
    return noise * (1.0 + weight * guidance_map)


def diffuse(images: Tensor, noise: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps. Method 1.1; eps may be amplified.

    Args:
        images: x_0, (N, C, H, W) float32 in [-1, 1].
        noise: (N, C, H, W) float32.
        alphas_cumprod: abar of each image's t, (N,) float32.
    """
    signal = alphas_cumprod.sqrt().view(-1, 1, 1, 1)
    scale = (1.0 - alphas_cumprod).sqrt().view(-1, 1, 1, 1)
    return signal * images + scale * noise


def noise_loss(predicted: Tensor, target: Tensor, factor: Tensor | None = None) -> Tensor:
    """E || target - eps_theta(x_t, t) ||^2, the mean over all elements, in float32. Paper Eq. 3, method 1.2.

    The target is the plain eps also where x_t was made with the amplified one (paper mode).

    Args:
        predicted: (N, C, H, W).
        target: (N, C, H, W) float32.
        factor: float32, multiplies the squared error of each pixel, (H, W), or image, (N, 1, 1, 1); None for 1.
    """
    if factor is None:
        return functional.mse_loss(predicted.float(), target)
    return (functional.mse_loss(predicted.float(), target, reduction="none") * factor).mean()


def min_snr(alphas_cumprod: Tensor, gamma: float) -> Tensor:
    """Weights of the loss of predicted noise, min(SNR, gamma) / SNR with SNR = abar / (1 - abar): (N,) float32.

    # Not in paper. Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy" (arXiv 2303.09556).

    Args:
        alphas_cumprod: abar of each image's t, (N,) float32; without any noise, at abar 1, the weight is 0.
        gamma: the signal-to-noise ratio from which on a time counts less, > 0.
    """
    return (gamma * (1.0 - alphas_cumprod) / alphas_cumprod).clamp(max=1.0)


def target_of(noise: Tensor, images: Tensor, alphas_cumprod: Tensor, prediction: Prediction) -> Tensor:
    """What the network should say of x_t, (N, C, H, W) float32.

    # Not in paper: v and x_0 are those of the plain eps, also where x_t was made with the amplified one, because the
    # paper's networks predict eps, and their target is the plain one.

    Args:
        noise: the eps that a network which predicts the noise should say, (N, C, H, W) float32.
        images: x_0, likewise.
        alphas_cumprod: abar of each image's t, (N,) float32.
        prediction: what the network predicts.
    """
    match prediction:
        case "epsilon":
            return noise
        case "v_prediction":
            return diffuse(noise, -images, alphas_cumprod)
        case "sample":
            return images


def images_of(predicted: Tensor, noisy: Tensor, level: Number, prediction: Prediction) -> Tensor:
    """x_0, not clipped, from what a network predicts of x_t; the inverse of `target_of` where x_t is plain.

    Args:
        predicted: (N, C, H, W).
        noisy: x_t, the same shape.
        level: abar_t, of all images or (N, 1, 1, 1).
        prediction: what the network predicts; of the noise alone abar_t must be above 0.
    """
    match prediction:
        case "epsilon":
            images: Tensor = (noisy - (1.0 - level) ** 0.5 * predicted) / level**0.5
        case "v_prediction":
            images = level**0.5 * noisy - (1.0 - level) ** 0.5 * predicted
        case "sample":
            images = predicted
    return images


def predicted_of(output: Tensor, channels: int) -> Tensor:
    """What a network predicts, the first C channels of its output; those of a learned variance may follow.

    Args:
        output: (N, C, H, W) or (N, 2C, H, W).
        channels: C.
    """
    return output if output.shape[1] == channels else output[:, :channels]


class Posterior(NamedTuple, Generic[Number]):
    """q(x_t-1 | x_t, x_0): mean from_images x_0 + from_noisy x_t. Ho et al. 2020, Eq. 7."""

    from_images: Number
    from_noisy: Number
    variance: Number  # beta~
    beta: Number  # variance of q(x_t | x_t-1)


def posterior(level: Number, lower: Number) -> Posterior[Number]:
    """The reverse step of the forward process from abar_t = level to abar = lower, the next of a respaced chain."""
    beta = 1.0 - level / lower
    return Posterior(
        from_images=lower**0.5 * beta / (1.0 - level),
        from_noisy=(1.0 - beta) ** 0.5 * (1.0 - lower) / (1.0 - level),
        variance=beta * (1.0 - lower) / (1.0 - level),
        beta=beta,
    )
