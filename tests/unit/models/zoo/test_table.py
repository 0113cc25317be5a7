"""known.json against the installed open_clip, and the aliases against the figures they quote."""

import open_clip
import pytest

from vsearch.models.zoo import table

OPEN = ("MIT", "Apache-2.0")


def test_every_published_model_of_open_clip_is_known() -> None:
    published = {f"{architecture}/{tag}" for architecture, tag in open_clip.list_pretrained()}
    assert published <= {model.name for model in table.known()}


@pytest.mark.parametrize("name", ["ViT-B-32-256/datacomp_s34b_b86k", "ViT-B-16-SigLIP2-256/webli"])
def test_a_model_is_described_as_open_clip_builds_it(name: str) -> None:
    model = table.lookup(name)
    assert model is not None
    built = open_clip.create_model(name.split("/")[0], device="cpu")
    assert model.parameters is not None
    count = sum(parameter.numel() for parameter in built.parameters())
    assert model.parameters == pytest.approx(count, rel=0.001)
    assert built.visual.image_size in (model.size, (model.size, model.size))


def test_published_figures_are_shares() -> None:
    for model in table.known():
        for figure in (model.imagenet, model.flickr, model.coco):
            assert figure is None or 0 < figure < 1


def gflops(model: table.KnownModel) -> float:
    return model.gflops or float("inf")


def test_fast_is_the_best_published_below_20_gflops() -> None:
    fit = [model for model in table.known() if gflops(model) < 20 and model.licence in OPEN]
    assert max(fit, key=lambda model: model.imagenet or 0).name == table.ALIASES["fast"][0]


def test_balanced_is_the_best_published_below_60_gflops() -> None:
    fit = [model for model in table.known() if gflops(model) < 60 and model.licence in OPEN]
    assert max(fit, key=lambda model: model.imagenet or 0).name == table.ALIASES["balanced"][0]


def test_best_is_beaten_only_by_models_with_more_parameters() -> None:
    best = table.lookup(table.ALIASES["best"][0])
    assert best is not None
    assert best.parameters is not None
    better = [
        model for model in table.known()
        if (model.imagenet or 0) > (best.imagenet or 0) and model.licence in OPEN
    ]  # fmt: skip
    assert better
    assert all((model.parameters or 0) > 1.6 * best.parameters for model in better)


def test_an_unknown_name_has_no_line_and_no_licence() -> None:
    assert table.lookup("ViT-B-32/none") is None
    assert table.licence_of("ViT-B-32/none") is None
    assert table.aliases_of("ViT-B-32/none") == ()
