"""What is known of data sets of IDX files, apart from how they are fetched: files, sha256, names of the classes."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A data set of four IDX files: images and labels of the official splits.

    Args:
        sha256: of each file, unpacked, by its name.
        classes: name of each label.
        of_a_class: images of each class in the splits train and test, where all classes have as many.
        torchvision: its class in torchvision.datasets.
        debian_package: its package in Debian and Ubuntu.
        debian_folder: where that package puts the .gz files, below the root.
    """

    sha256: Mapping[str, str]
    classes: tuple[str, ...]
    of_a_class: Mapping[str, int]
    torchvision: str
    debian_package: str
    debian_folder: str


SOURCES = {
    # Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747 (MIT licence).
    "fashion_mnist": Source(
        sha256={
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        classes=(
            "t-shirt",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        of_a_class={"train": 6000, "test": 1000},
        torchvision="FashionMNIST",
        debian_package="dataset-fashion-mnist",
        debian_folder="usr/share/datasets/fashion-mnist",
    ),
}
