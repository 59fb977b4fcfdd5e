"""Names that rooms share: rows, metrics, maps and kinds of flaws, each in one place."""

# -- rows of params, tables and arrays ---------------------------------------------------------------------------------

FORK = "fork"  # stands in the place of a variant for the base model at the moment of the fork; it has no row
FLOOR = "floor"  # the row of real training images; it and FORK are no variants
PHOTOGRAPHS = "photographs"  # the row of real test images with their own captions: what can be reached
# Rows of tables, arrays and summary.json: no variants.
RESERVED = (FORK, FLOOR, "highlighter", PHOTOGRAPHS, "train", "test")
FLAW, CRITIC = "flaw", "second"  # the highlighter behind every mFAM; the one that no refinement has used
BEST = "best"  # of generate_samples.eps_scale: the scale of the noise that choose_eps_scale finds for a network
# What a row of `samplings` changes of a network without training it; a row with any of them is no second sampler.
MENDS = ("eps_scale", "guided_by", "discriminated_by")
# Feature spaces of extract_features, and the row of `weights` that each needs.
FEATURE_WEIGHTS = {
    "vgg16_conv5_gap": "vgg16",
    "alexnet_conv5_gap": "alexnet",
    "inception-v3-compat": "inception",
    "clip": "clip",
    "dinov2": "dinov2",
}
GIVEN_WEIGHTS = ("clip", "dinov2")  # which nobody but the user provides

# -- folders -----------------------------------------------------------------------------------------------------------

ROOMS = ("data", "models", "results")  # what stages write: <room>/<stage>/...
# Folders that do not have their stage's name.
STAGE_OF_FOLDER = {"tables": "make_tables", "figures": "make_figures", "summary": "make_summary"}

# -- records -----------------------------------------------------------------------------------------------------------

CONTENTS = "contents"  # the key of a job's config that tells of a change in a folder of the user, if it reads one
PROVENANCE = "provenance"  # the key of a job's config.json that is none of its config: its code, inputs and machine

# -- metrics -----------------------------------------------------------------------------------------------------------

HEADLINE = "fd_test"
TO_TRAIN = "fd_train"  # to images that were learned from, as the paper's FID
LOG_DIFFERENCE = "fd_test_log_difference"  # of one seed, with its interval over images

# -- maps and planted flaws --------------------------------------------------------------------------------------------

REAL_MAP = "real_map"  # the flaw highlighter's map of real images
MEAN, SINGLE = "mean/", "single/"  # before the names of arrays in maps.npz
READINGS = ("cell", "any")
FAKE_SPLICE, REAL_SPLICE = "fake_splice", "real_splice"
KINDS = (FAKE_SPLICE, REAL_SPLICE, "blur", "noise", "warp")
BLACK_LEVEL = 8.0  # of the shortcut guard, in grey levels of 255 (method 11.1)
