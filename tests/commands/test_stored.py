"""Where the local copy of a stored file lies, by the real plugins."""

import importlib
import logging
from pathlib import Path
from typing import Any

import pytest
from snakemake_storage_plugin_s3 import StorageProviderSettings

from selfrefine.commands import stored

PREFIXES = {"s3": ["s3://bucket/", "s3://bucket/runs/of/mine/"], "fs": ["/shared/", "/shared/runs/"]}


def provider_of(plugin: str, folder: Path) -> Any:
    module = importlib.import_module(f"snakemake_storage_plugin_{plugin}")
    settings = StorageProviderSettings(access_key="a", secret_key="b") if plugin == "s3" else None
    return module.StorageProvider(local_prefix=folder / "copies", logger=logging.getLogger(), settings=settings)


def kept(plugin: str, folder: Path, prefix: str, name: str) -> Any:
    """A file of a store, as `follow` has it."""
    provider = provider_of(plugin, folder)
    kind = stored._in_place(provider.get_storage_object_cls(), provider, prefix)
    return kind(query=name, keep_local=True, retrieve=True, provider=provider)


@pytest.mark.parametrize(("plugin", "prefix"), [(plugin, prefix) for plugin in PREFIXES for prefix in PREFIXES[plugin]])
def test_a_local_copy_lies_where_it_would_without_a_store(plugin: str, prefix: str, tmp_path: Path) -> None:
    """Also of a pattern, whose constraints the plugin for S3 would lose."""
    pattern = "models/train_base/{model,ddpm|uvit}/seed{seed,0|[1-9][0-9]*}/state.safetensors"
    file = kept(plugin, tmp_path, prefix, prefix + pattern)
    assert str(file.local_path()) == file.cache_key() == pattern
    other = kept(plugin, tmp_path, prefix, {"s3": "s3://elsewhere/a", "fs": "/elsewhere/a"}[plugin])
    assert other.local_path().is_relative_to(tmp_path / "copies")


@pytest.mark.parametrize("prefix", PREFIXES["s3"])
def test_what_a_bucket_lists_has_the_same_names(prefix: str, tmp_path: Path) -> None:
    file = kept("s3", tmp_path, prefix, f"{prefix}data/a.npy")
    key = f"{prefix}data/b.npy".removeprefix("s3://bucket/")
    assert file.cache_key(file._local_suffix_from_key(key)) == "data/b.npy"


def test_a_file_is_brought_if_the_store_has_a_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of S3 this is shown by real runs; here without rsync."""
    monkeypatch.chdir(tmp_path)
    shared = tmp_path / "shared"
    (shared / "data").mkdir(parents=True)
    (shared / "data" / "config.json").write_text("new")
    file = kept("fs", tmp_path, f"{shared}/", f"{shared}/data/config.json")
    file.is_ondemand_eligible, file.keep_local = True, False  # brings a link, not a copy
    stored.bring(file)
    assert Path("data/config.json").read_text() == "new"
    Path("data/config.json").unlink()
    Path("data/config.json").write_text("mine")
    stored.bring(file)
    assert Path("data/config.json").read_text() == "mine"
