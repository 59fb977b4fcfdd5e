"""Folders of photographs: the hub's own client against a hub of the tests, torchvision's class with a mirror."""

import csv
import gzip
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from torchvision import datasets

from selfrefine.commands import fetch_photographs, main
from selfrefine.core.errors import InputError
from selfrefine.data import captions, folder_splits, hub_images, image_folder
from selfrefine.data.hub_images import OfHub, OfTorchvision
from selfrefine.params import strict_yaml
from tests.support.command import refused
from tests.support.local_archives import package_index

COMMIT = "f00d" * 10
HUB = OfHub("owner/flowers", "main", "image", "", "", ("train", "validation"), ())
NAMED = OfHub("owner/flowers", "main", "image", "file", "captions", ("train",), ("validation",))


def picture(level: int, kind: str = "JPEG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), (level, 2 * level, 90)).save(content, kind)
    return content.getvalue()


def shard(*rows: tuple[str, bytes, list[str]]) -> bytes:
    """A Parquet file as the hub's libraries write it."""
    names, contents, told = zip(*rows, strict=True)
    images = [{"bytes": content, "path": None} for content in contents]
    content = io.BytesIO()
    parquet.write_table(pa.table({"image": images, "file": list(names), "captions": list(told)}), content)
    return content.getvalue()


SHARDS = {
    "data/train-00000-of-00002-ab.parquet": shard(
        ("a/rose.jpg", picture(1), ["a rose", "red"]), ("b.2", picture(2), [""])
    ),
    "data/train-00001-of-00002-cd.parquet": shard(
        ("a/rose.jpg", picture(1), ["again"]), ("c.png", picture(3, "PNG"), ["c"])
    ),
    "default/validation/0000.parquet": shard(("d.jpg", picture(4), ["a daisy"])),
    "README.md": b"not images",
}


class Handler(BaseHTTPRequestHandler):
    """The three addresses of the hub that its client asks for."""

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        api, resolved = "/api/datasets/owner/flowers", f"/datasets/owner/flowers/resolve/{COMMIT}/"
        if path == f"{api}/revision/main":
            content = json.dumps({"id": "owner/flowers", "sha": COMMIT, "siblings": []}).encode()
        elif path == f"{api}/tree/{COMMIT}":
            entries = [{"type": "file", "path": name, "size": len(held), "oid": "0"} for name, held in SHARDS.items()]
            content = json.dumps(entries).encode()
        elif path.startswith(resolved) and path.removeprefix(resolved) in SHARDS:
            content = SHARDS[path.removeprefix(resolved)]
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json" if path.startswith("/api") else "application/octet-stream")
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub with this one data set; its client's cache is empty."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield
        server.shutdown()


def fetched(source: hub_images.Source, tmp_path: Path) -> Path:
    number = hub_images.fetch("flowers", source, tmp_path / "mine" / "flowers", tmp_path / "scratch")
    assert number == len(image_folder.image_files(tmp_path / "mine" / "flowers"))
    assert not (tmp_path / "scratch").exists()
    return tmp_path / "mine" / "flowers"


def test_photographs_of_the_hub_are_the_files_that_it_holds(hub, tmp_path, capsys):
    folder = fetched(HUB, tmp_path)
    held = {name: path.read_bytes() for name, path in image_folder.image_files(folder).items()}
    levels = {"000000.jpg": 1, "000001.jpg": 2, "000002.jpg": 1, "000004.jpg": 4}
    assert held == {name: picture(level) for name, level in levels.items()} | {"000003.png": picture(3, "PNG")}
    assert not (folder / image_folder.CAPTIONS).exists()
    assert f"owner/flowers at commit {COMMIT}" in capsys.readouterr().out


def test_names_captions_and_test_splits_are_kept_and_read_by_prepare_data(hub, tmp_path, capsys):
    folder = fetched(NAMED, tmp_path)
    paths = image_folder.image_files(folder)
    assert sorted(paths) == ["test/d.jpg", "train/b.2.jpg", "train/c.png", "train/rose.jpg"]
    with (folder / image_folder.CAPTIONS).open() as table:
        assert dict(csv.reader(table))["train/rose.jpg"] == "a rose", "the first row of a name, the first of a list"
    told = captions.of_folder(folder, paths, "test")
    train, test, _ = folder_splits.read_folder(
        paths, 4, "white", test_share=None, seed=0, max_images=9, label="test", captions=told
    )
    assert (sorted(train.captions), test.captions) == (["", "a rose", "c"], ["a daisy"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"train": ("tran",)},
            f"owner/flowers at {COMMIT} has no Parquet files of the split tran; known: train, valid",
        ),
        ({"image_column": "img"}, "has no column img; known: image, file, captions"),
        ({"hub": "owner/flwrs"}, "404"),
    ],
)
def test_what_the_hub_does_not_have_is_told_in_one_line_and_leaves_no_folder(changes, told, hub, tmp_path, capsys):
    with pytest.raises(InputError, match=r"photographs of flowers: tried hub, none could deliver it; put its images"):
        fetched(OfHub(**vars(HUB) | changes), tmp_path)
    assert told in capsys.readouterr().out
    assert not (tmp_path / "mine" / "flowers").exists()


def test_a_hub_that_cannot_be_reached_is_told_in_one_line(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="none could deliver it"):
        fetched(HUB, tmp_path)
    assert "provider hub failed: owner/flowers: [Errno 111] Connection refused" in capsys.readouterr().out


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.tobytes()


def test_photographs_of_torchvision_are_its_pixels(tmp_path, monkeypatch):
    """MNIST's class with files of four images and a mirror on this machine: its own download, check and reading."""
    images = np.arange(4 * 28 * 28, dtype=np.uint8).reshape(4, 28, 28)
    contents = {
        name: gzip.compress(idx(images if "images" in name else np.zeros(4, np.uint8)))
        for name, _ in datasets.MNIST.resources
    }
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in contents.items()]
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    with package_index(tmp_path / "mirror", "mnist", contents) as address:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{address}mnist/"])
        folder = fetched(OfTorchvision("MNIST", ("train",), ("test",)), tmp_path)
    for split in ("train", "test"):
        paths = sorted((folder / split).iterdir())
        assert np.array_equal([np.asarray(Image.open(path)) for path in paths], images)


def test_an_unknown_class_of_torchvision_is_told(tmp_path, capsys):
    with pytest.raises(InputError, match="none could deliver it"):
        fetched(OfTorchvision("Flwrs", ("train",), ()), tmp_path)
    assert "photographs.torchvision is Flwrs, no class of its datasets" in capsys.readouterr().out


def test_data_sets_that_share_a_folder_share_its_source():
    row = {"prepare_data": {"folder": "photos"}}
    told = row | {"photographs": {"torchvision": "Flowers102", "train": ["train"], "test": []}}
    sets = {"small": row, "large": told, "lone": {"prepare_data": {"folder": "other"}}, "none": {"prepare_data": {}}}
    values = {"select": {"datasets": list(sets), "models": ["m"]}, "datasets": sets, "models": {"m": {}}}
    source = OfTorchvision("Flowers102", ("train",), ())
    assert fetch_photographs.wanted(values) == {Path("photos"): ("large", source), Path("other"): ("lone", None)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Params of the project, and an experiment of two folders of which one has a source."""
    for name in ("params.yaml", "workflow/schemas"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(Path(__file__).parents[2] / name)
    (tmp_path / "experiments").mkdir()
    row = {**vars(NAMED), "train": ["train"], "test": ["validation"]}
    other = strict_yaml.read(Path(__file__).parents[2] / "params.yaml")["datasets"]["my_images"]
    other["prepare_data"]["folder"] = "downloads/others"
    sets = {"my_images": {"photographs": row, "prepare_data": {"own_splits": True}}, "others": other}
    overlay = {"select": {"models": ["ddpm"], "datasets": list(sets)}, "datasets": sets}
    (tmp_path / "experiments" / "mine.yaml").write_text(json.dumps(overlay))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_fills_what_it_can_once_and_names_the_rest(hub, project, capsys):
    given = ["photographs", "--experiment", "mine"]
    with pytest.raises(SystemExit, match="2"):
        main.main(given)
    printed = capsys.readouterr()
    assert "downloads/my_images: 4 images" in printed.out
    assert printed.err.splitlines()[-1].endswith("put them there yourself: downloads/others (datasets.others)")
    filled = image_folder.digest(project / "downloads" / "my_images")
    (project / "downloads" / "others").mkdir()
    main.main(given)
    assert "downloads/my_images: is there" in capsys.readouterr().out
    assert image_folder.digest(project / "downloads" / "my_images") == filled


def test_wrong_words_end_the_command_in_one_line(project, capsys):
    line = refused(["photographs", "--experiment", "mnie"], capsys)
    assert line.startswith("selfrefine photographs: mnie is no file of experiments/; did you mean mine")
