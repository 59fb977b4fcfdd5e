"""A real server of S3's protocol on this machine, in memory, with what it takes to reach it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
KEYS = {"access_key": "a-name", "secret_key": "a-secret"}


@dataclass(frozen=True)
class ObjectStore:
    """A bucket of its own.

    Args:
        url: of the server.
        bucket: its name.
    """

    url: str
    bucket: str

    def environment(self) -> dict[str, str]:
        """What the profiles read from the environment."""
        settings = {"endpoint_url": self.url, **KEYS}
        return {f"SNAKEMAKE_STORAGE_S3_{name.upper()}": value for name, value in settings.items()}

    def put(self, folder: Path, names: list[str]) -> None:
        """Uploads files below a folder under their names there."""
        client = self._client()
        client.create_bucket(Bucket=self.bucket)
        for name in names:
            client.upload_file(str(folder / name), self.bucket, f"runs/{name}")

    def names(self) -> list[str]:
        """The names of all that is stored."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [entry["Key"].removeprefix("runs/") for page in pages for entry in page.get("Contents", [])]

    def read(self, name: str) -> bytes:
        """The bytes of a stored file."""
        return bytes(self._client().get_object(Bucket=self.bucket, Key=f"runs/{name}")["Body"].read())

    def _client(self) -> Any:
        keys = {"aws_access_key_id": KEYS["access_key"], "aws_secret_access_key": KEYS["secret_key"]}
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION, **keys)


@contextmanager
def object_store(bucket: str) -> Iterator[ObjectStore]:
    """Serves until the block ends."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = dict(os.environ)
    store = ObjectStore(f"http://{host}:{port}", bucket)
    os.environ.update(store.environment())  # of the commands that a test starts
    try:
        yield store
    finally:
        os.environ.clear()
        os.environ.update(before)
        server.stop()
