"""Hosts that fail in every way: the next provider is tried, no password is told, nothing goes on without end."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch_fidelity.feature_extractor_inceptionv3
import torchvision
from huggingface_hub import constants  # all of these before the clock runs

from selfrefine.core import errors
from selfrefine.core.errors import InputError
from selfrefine.data import package_archives, providers, published_sets
from selfrefine.data.idx_sets import SOURCES
from selfrefine.pretrained import imagenet_weights, inception_weights, text_encoder_sources
from tests.support.faulty_host import FAULTS, faulty_host

LIMITS = providers.Most(gib=2**-9, hours=1.0 / 3600)
PACKAGE = package_archives.PythonPackage("small-package", "1.0", "0" * 64)
SECRETS = ("hunter2", "s3cret")


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with faulty_host() as address:
        yield address


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (providers, package_archives):
        monkeypatch.setattr(module, "SECONDS_WITHOUT_ANSWER", 0.4)
    monkeypatch.setattr(providers, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(package_archives, "MOST_OF_A_PAGE", 2**20)


def index(address: str, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> object:
    monkeypatch.setenv("PIP_INDEX_URL", address.replace("://", "://hunter2:s3cret@"))
    return package_archives.python_source(PACKAGE, scratch)


def photographs(address: str, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> object:
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [address])
    return published_sets.from_torchvision(SOURCES["fashion_mnist"], scratch)


def vgg16(address: str, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> object:
    class Published:
        url = f"{address}vgg16-397923af.pth?token=s3cret"

    monkeypatch.setattr(torchvision.models.VGG16_Weights.IMAGENET1K_V1, "_value_", Published)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(scratch / "cache"))
    return imagenet_weights.from_torchvision("vgg16", scratch)


def inception(address: str, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> object:
    module = torch_fidelity.feature_extractor_inceptionv3
    monkeypatch.setattr(module, "URL_INCEPTION_V3", f"{address}a.pth?key=s3cret")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(scratch / "cache"))
    return inception_weights._checked(inception_weights.download, scratch)


def encoder(address: str, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> object:
    template = address + "{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(scratch / "cache"))
    published = text_encoder_sources.ENCODERS["minilm"]
    return text_encoder_sources._checked(
        published, lambda folder: text_encoder_sources.from_hub(published, folder), scratch
    )


WAYS: tuple[Callable[[str, pytest.MonkeyPatch, Path], object], ...] = (index, photographs, vgg16, inception, encoder)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_host_does_the_next_provider_is_tried_and_nothing_secret_told(
    fault: str,
    way: Callable[[str, pytest.MonkeyPatch, Path], object],
    host: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    ways = {"faulty": lambda scratch: way(f"http://{host}/{fault}/", monkeypatch, scratch), "good": lambda _: "good"}
    began = time.monotonic()
    assert providers.first_delivery("thing", ["faulty", "good"], ways, tmp_path, "", LIMITS) == "good"
    assert time.monotonic() - began < 30
    captured = capfd.readouterr()
    failed, delivered = captured.out.splitlines()
    assert failed.startswith("thing: provider faulty failed: ")
    assert delivered == "thing: from provider good"
    assert captured.err == ""
    assert not any(secret in captured.out for secret in SECRETS), captured.out
    with pytest.raises(InputError, match=r"^thing: tried faulty, none could deliver it; put it there$"):
        providers.first_delivery("thing", ["faulty"], ways, tmp_path, "put it there", LIMITS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("404 for url: https://me:hunter2@host/simple/a/", "404 for url: https://***@host/simple/a/"),
        ("https://hunter2@host:1/", "https://***@host:1/"),
        ("https://me:hunt/er2@host/ and more", "https://***@host/ and more"),
        ("https://me:h@unter2@host/", "https://***@host/"),
        ("nonnumeric port: 'hunter2@127.0.0.1:80'", "nonnumeric port: '***@127.0.0.1:80'"),
        ("W: Failed to fetch http://me:hunter2@host/x  401", "W: Failed to fetch http://***@host/x 401"),
        ("<https://host/a.bin?X-Amz-Signature=hunter2&b=1>", "<https://host/a.bin?***>"),
        (
            "Max retries exceeded with url: /simple/a/?token=hunter2 (x)",
            "Max retries exceeded with url: /simple/a/?*** (x)",
        ),
        ("https://host/simple/a/ is no page", "https://host/simple/a/ is no page"),
        ("photos/a@2x.png: not an image", "photos/a@2x.png: not an image"),
        ("is smok; did you mean smoke? known: smoke", "is smok; did you mean smoke? known: smoke"),
    ],
)
def test_no_message_tells_the_secret_of_an_address(text: str, told: str) -> None:
    assert errors.one_line(text) == told


def test_limits_leave_what_is_within_them_alone_and_end_with_their_block(tmp_path: Path) -> None:
    with providers.limits(tmp_path, LIMITS):
        (tmp_path / "file").write_bytes(bytes(2**20))
        time.sleep(0.2)
    (tmp_path / "file").write_bytes(bytes(2**22))
    time.sleep(0.2)


@pytest.mark.parametrize(("gib", "hours", "told"), [(2**-12, 1, "GiB and no end"), (1, 1e-5, "not done after")])
def test_what_takes_more_is_ended(gib: float, hours: float, told: str, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(bytes(2**20))
    with pytest.raises(InputError, match=told), providers.limits(tmp_path, providers.Most(gib, hours)):
        time.sleep(5)


def test_another_thread_is_not_interrupted(tmp_path: Path) -> None:
    done = io.StringIO()

    def fetch() -> None:
        with providers.limits(tmp_path, providers.Most(0, 0)):
            time.sleep(0.2)
            done.write("done")

    thread = threading.Thread(target=fetch)
    thread.start()
    thread.join()
    assert done.getvalue() == "done"
