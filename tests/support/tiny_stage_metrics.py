"""What prompts, inpainting and autoencoders are measured to be in an imagined run, for the tests of tables."""

import math

from selfrefine.core import names
from selfrefine.metrics import prompt_agreement
from selfrefine.metrics.prompt_agreement import AGREEMENT, DEPENDENCE, PERMUTED


def prompt_metrics(seeds=(0, 1), judge="classifier", model="tiny", variant="both"):
    """Agreement of a baseline, of a variant that gains 0.1 and 0.02 more in each later seed, and of photographs."""
    found = []
    factor = 100.0 if judge == "clip" else 1.0
    for seed in seeds:
        gained = 0.1 + 0.02 * seed
        for row, gain in (("baseline", 0.0), (variant, gained), (names.PHOTOGRAPHS, 0.3)):
            values = {AGREEMENT: 0.6 + gain, PERMUTED: 0.1, DEPENDENCE: 0.5}
            if row == variant:
                values[prompt_agreement.DIFFERENCE] = gain
            for metric, value in values.items():
                line = {"dataset": "shapes", "model": model, "variant": row, "seed": seed, "metric": metric}
                line |= {"value": factor * value, "low": factor * (value - 0.05), "high": factor * (value + 0.05)}
                found.append(line | {"n_images": 256, "network": judge, "sha256": "0"})
    return found


def inpainting_metrics(seeds=(0, 1)):
    """PSNR and FD of two rows, of raw and of composited pixels; a gain of 1 dB and 1 more in each later seed."""
    found = []
    for seed in seeds:
        for pixels in ("composited", "raw"):

            def line(variant, metric, value, network, seed=seed, pixels=pixels):
                names = {"dataset": "shapes", "model": "tiny", "mask": "wide", "variant": variant, "pixels": pixels}
                interval = {"value": value, "low": value - 0.1, "high": value + 0.1}
                figures = {"seed": seed, "metric": metric, **interval, "n_images": 8}
                return names | figures | {"network": network, "sha256": "0"}

            for variant, psnr, fd in (("baseline", 20.0, 2.0), ("both", 21.0 + seed, 1.5)):
                found.append(line(variant, "psnr", psnr, "pixels"))
                found.append(line(variant, "fd_test", fd, "vgg"))
            found.append(line("both", "psnr_difference", 1.0 + seed, "pixels"))
            found.append(line("both", "fd_test_log_difference", math.log(0.75) + 0.01 * seed, "vgg"))
    return found


def round_trip_metrics(psnr, seed=0, **names):
    """Lines of one autoencoder: an interval of +-1 dB over images, half of the codes used."""
    where = {"dataset": "shapes", "model": "ldm"} | names | {"seed": seed, "n_images": 512}
    return [
        {**where, "metric": "psnr", "value": psnr, "low": psnr - 1.0, "high": psnr + 1.0},
        {**where, "metric": "ssim", "value": 0.9, "low": 0.89, "high": 0.91},
        {**where, "metric": "codes_used", "value": 0.5, "low": math.nan, "high": math.nan},
    ]
