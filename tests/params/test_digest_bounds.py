"""What the code of each stage may not know: what it does not need is no reason to run it again."""

import ast
from pathlib import Path

import pytest

from selfrefine.params import code_digest

PACKAGE = Path(code_digest.__file__).parents[1]
# The rooms that each stage may know beside core, and the modules of these rooms that it may not.
BOUNDS = {
    "fetch_data": ("data", "captions folder_splits hub_images image_decoding image_folder"),
    "fetch_weights": ("data pretrained", "data.published_sets pretrained.text_encoder"),
    "fetch_text_encoder": ("data pretrained", "data.published_sets pretrained.imagenet_weights"),
    "prepare_data": ("data", "hub_images package_archives providers"),
    "train_autoencoder": ("diffusion metrics training", "diffusion.forward_process training.loop training.trainer"),
    "encode_data": ("diffusion", "forward_process noise_schedule samplers sampling"),
    "encode_captions": ("pretrained", "imagenet_backbones imagenet_weights inception_weights"),
    "train_base": (
        "diffusion networks training guidance pretrained",
        "guidance.map_refresh guidance.control_maps guidance.canny guidance.untrained_controls "
        "diffusion.sampling diffusion.samplers diffusion.repaint diffusion.inpainting_masks "
        "pretrained.imagenet_backbones training.autoencoder training.classifier",
    ),
    "generate_fakes": ("diffusion networks", "repaint inpainting_masks"),
    "train_highlighter": (
        "highlighter pretrained guidance diffusion networks",
        "gradcam text_encoder imagenet_weights map_refresh refinement untrained_controls discriminator "
        "diffusion.sampling diffusion.samplers repaint inpainting_masks",
    ),
    "evaluate_highlighter": (
        "highlighter pretrained metrics evidence guidance",
        "highlighter.training evidence.probes evidence.map_correlation metrics.generation metrics.frechet "
        "guidance.map_refresh guidance.refinement guidance.attention_modulation guidance.untrained_controls",
    ),
    "evaluate_maps": (
        "highlighter pretrained metrics evidence guidance",
        "highlighter.training highlighter.data evidence.probes evidence.planted_flaws "
        "guidance.map_refresh guidance.refinement guidance.attention_modulation guidance.untrained_controls",
    ),
    "evaluate_human_marks": (
        "data highlighter pretrained guidance metrics evidence report",
        "evidence.probes evidence.planted_flaws evidence.map_correlation guidance.map_refresh guidance.refinement "
        "guidance.attention_modulation guidance.untrained_controls metrics.generation metrics.features "
        "data.hub_images data.package_archives data.providers report.tables.table1 report.tables.table2",
    ),
    "train_refined": (
        "diffusion networks training guidance highlighter pretrained",
        "highlighter.training highlighter.data guidance.untrained_controls "
        "diffusion.repaint diffusion.inpainting_masks training.autoencoder training.classifier",
    ),
    "choose_eps_scale": (
        "diffusion networks guidance metrics pretrained",
        "map_refresh control_maps canny refinement untrained_controls attention_modulation repaint inpainting_masks "
        "generation contrasts intervals imagenet_weights",
    ),
    "generate_samples": (
        "diffusion networks guidance highlighter pretrained",
        "map_refresh control_maps canny refinement noisy_images repaint inpainting_masks "
        "highlighter.training highlighter.data highlighter.gradcam text_encoder imagenet_weights",
    ),
    "extract_features": ("metrics pretrained", "generation frechet kernel intervals text_encoder imagenet_weights"),
    "evaluate_generation": ("metrics", "features perceptual clip_score prompt_classifier prompt_agreement contrasts"),
    "evaluate_readouts": (
        "diffusion networks highlighter pretrained metrics evidence",
        "highlighter.training highlighter.data highlighter.gradcam evidence.planted_flaws evidence.map_correlation "
        "diffusion.sampling diffusion.samplers",
    ),
    "inpaint_images": ("diffusion networks", "sampling prompts"),
    "evaluate_inpainting": ("metrics pretrained", "clip_score prompt_classifier contrasts text_encoder"),
    "train_classifier": ("metrics training", "training.loop training.trainer training.autoencoder metrics.generation"),
    "evaluate_prompts": ("metrics", "generation frechet features perceptual contrasts"),
    "prepare_study": (
        "diffusion networks guidance highlighter pretrained metrics evidence study",
        "highlighter.training highlighter.data evidence.human_picks evidence.probes evidence.map_correlation "
        "guidance.map_refresh guidance.refinement guidance.attention_modulation guidance.untrained_controls "
        "diffusion.sampling diffusion.repaint study.answers study.server study.outcomes",
    ),
    "evaluate_study": (
        "study evidence metrics guidance highlighter pretrained",
        "highlighter.training evidence.probes evidence.planted_flaws evidence.self_disagreement guidance.map_refresh "
        "study.trials study.cell_maps study.server study.simulated_raters",
    ),
    "make_table": ("report metrics", "metrics.features metrics.generation metrics.perceptual metrics.clip_score"),
    "make_tables": ("report metrics", "metrics.features metrics.generation metrics.perceptual metrics.clip_score"),
    "make_summary": (
        "report metrics",
        "metrics.features metrics.generation metrics.perceptual metrics.clip_score report.figures.style",
    ),
    "make_figures": (
        "report metrics diffusion",
        "report.tables.table1 report.tables.table2 report.tables.table7 report.figures.forest_plot "
        "metrics.features metrics.generation diffusion.forward_process diffusion.sampling",
    ),
}
# Modules that keep the words of an error, and where these words go. All others only raise or print them again.
KEPT = {
    "core/job.py": "the line that a job ends with",
    "data/image_folder.py": "notes.csv: what the system says of a file",
    "data/folder_splits.py": "notes.csv; image_decoding builds what goes there in variables, where it counts",
    **dict.fromkeys(
        ("diffusion/autoencoder.py", "evidence/probes.py", "highlighter/model.py", "networks/__init__.py"),
        "the words of another error",
    ),
}


def known(stage: str) -> set[str]:
    """The modules in the closure of a stage, without the package's name and the packages themselves."""
    names = {name.removeprefix("selfrefine.") for name in code_digest.closure(stage)}
    return {name for name in names if (PACKAGE / f"{name.replace('.', '/')}.py").is_file()}


def chains(stage: str, modules: set[str]) -> str:
    """How a stage comes to know modules, a line each: for who has to cut one of these imports."""
    ways = [code_digest.chain(stage, f"selfrefine.{name}") for name in sorted(modules)]
    return "\n".join(" -> ".join(way).replace("selfrefine.", "") for way in ways)


def test_every_stage_has_bounds() -> None:
    assert set(BOUNDS) == {path.stem for path in (PACKAGE / "stages").glob("[a-z]*.py")}


@pytest.mark.parametrize("stage", BOUNDS)
def test_a_stage_knows_no_other_room(stage: str) -> None:
    rooms = {*BOUNDS[stage][0].split(), "core", "stages"}
    strange = {name for name in known(stage) if name.split(".")[0] not in rooms}
    assert not strange, chains(stage, strange)
    assert {name for name in known(stage) if name.startswith("stages.")} == {f"stages.{stage}"}


@pytest.mark.parametrize("stage", BOUNDS)
def test_a_stage_knows_nothing_of_its_rooms_that_it_does_not_need(stage: str) -> None:
    rooms, modules = (text.split() for text in BOUNDS[stage])
    for module in modules:  # a name of the table that means nothing bounds nothing
        places = [room for room in rooms if (PACKAGE / room / f"{module}.py").is_file()]
        assert len(places) == 1 or (PACKAGE / f"{module.replace('.', '/')}.py").is_file(), module
    unneeded = {name for name in known(stage) for module in modules if f".{name}".endswith(f".{module}")}
    assert not unneeded, chains(stage, unneeded)


def test_a_chain_leads_from_a_stage_over_imports_to_a_module() -> None:
    way = code_digest.chain("train_base", "selfrefine.core.errors")
    assert (way[0], way[-1]) == ("selfrefine.stages.train_base", "selfrefine.core.errors")
    closure = code_digest.closure("train_base")
    assert [closure[name] for name in way[1:]] == way[:-1]
    assert closure["selfrefine.core.job"] == way[0]  # the stage itself imports it: nothing is nearer


def test_the_words_of_an_error_decide_nothing() -> None:
    """They are left out of the digest, so no handler may do anything with them but to pass them on to people."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for handler in ast.walk(tree):
            if isinstance(handler, ast.ExceptHandler) and handler.name:
                harmless = {
                    name for node in ast.walk(handler) for name in (ast.walk(node) if is_harmless(node) else ())
                }
                uses = (node for node in ast.walk(handler) if isinstance(node, ast.Name) and node.id == handler.name)
                if set(uses) - harmless:
                    found.add(path.relative_to(PACKAGE).as_posix())
    stages = {name for stage in BOUNDS for name in code_digest.modules(stage)}
    assert found & stages == set(KEPT)


def is_harmless(node: ast.AST) -> bool:
    """Whether a node passes an error on, or asks what it is but not what it says."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("print", "sys.exit", "isinstance")
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Attribute) and node.attr == "errno")
