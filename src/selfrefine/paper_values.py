"""What the paper calls its data sets; its figures stand in workflow/resources/paper_values.csv."""

# `stands_for` of params.yaml, and column `dataset` of paper_values.csv -> the paper's words.
PAPER_DATASETS = {
    "celeba_hq": "CelebA-HQ",
    "flowers": "Oxford 102 Flower",
    "church": "LSUN Church",
    "coco": "COCO",
}
