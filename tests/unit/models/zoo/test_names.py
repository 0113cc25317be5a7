"""What people type for a model, and the folders the names become."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsearch.errors import UsageError
from vsearch.models.zoo import names
from vsearch.models.zoo.table import ALIASES, lookup

FAST = "ViT-B-32-256/datacomp_s34b_b86k"


@pytest.mark.parametrize(
    ("typed", "canonical", "precision"),
    [
        ("mini", "mini", "auto"),
        ("fast", FAST, "auto"),
        ("fast@int8", f"{FAST}@int8", "int8"),
        (FAST, FAST, "auto"),
        ("ViT-B-32-256/datacomp-s34b-b86k", FAST, "auto"),
        ("ViT-B-32-256/DataComp_s34b_b86k@bf16", f"{FAST}@bf16", "bf16"),
        ("ViT-B-32/my-own.v2", "ViT-B-32/my-own.v2", "auto"),
        ("hf-hub:laion/CLIP-ViT-B-32", "hf-hub:laion/CLIP-ViT-B-32", "auto"),
        ("hf-hub:laion/CLIP-ViT-B-32@fp16", "hf-hub:laion/CLIP-ViT-B-32@fp16", "fp16"),
    ],
)
def test_a_name_has_one_spelling(typed: str, canonical: str, precision: str) -> None:
    name = names.parse(typed)
    assert (name.canonical, name.precision) == (canonical, precision)
    assert names.parse(canonical) == name


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("ballanced", "did you mean 'balanced'?"),
        ("Mini", "did you mean 'mini'?"),
        ("ViT-B-32", "did you mean 'ViT-B-32/"),
        ("", "see `vsearch models list --all`"),
        ("nothing like it", "see `vsearch models list --all`"),
        ("../../etc/passwd", "no such model"),
        ("ViT-B-32/../x", "no such model"),
        ("/ViT-B-32", "no such model"),
        ("hf-hub:", "hf-hub:org/name"),
        ("hf-hub:org", "hf-hub:org/name"),
        ("hf-hub:../..", "hf-hub:org/name"),
        ("hf-hub:a/b/c", "hf-hub:org/name"),
        ("fast@int4", "no such precision, 'int4'"),
        ("fast@", "no such precision"),
        ("mini@int8", "the built-in model comes as it is"),
        ("ViT-B-32/a\nb", "no such model"),
    ],
)
def test_what_cannot_be_a_name_is_refused_with_advice(typed: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        names.parse(typed)
    assert message in str(caught.value)


def test_a_checkpoint_gives_its_name() -> None:
    assert names.parse("ViT-B-32", Path("/x/my model.pt")).canonical == "ViT-B-32/my-model"
    assert names.parse("ViT-B-32@int8", Path("tuned.bin")).canonical == "ViT-B-32/tuned@int8"
    assert names.parse("ViT-B-32/mine", Path("tuned.bin")).canonical == "ViT-B-32/mine"


@pytest.mark.parametrize(
    ("typed", "checkpoint", "message"),
    [
        ("ViT-B-32", "openai.pt", "published weights are called so too"),
        ("mini", "x.pt", "comes as it is"),
        ("hf-hub:a/b", "x.pt", "without --checkpoint"),
        ("ViT-B-32", "...", "no such model"),
    ],
)
def test_a_checkpoint_that_has_no_name_of_its_own(
    typed: str, checkpoint: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        names.parse(typed, Path(checkpoint))


def test_what_nobody_has_published() -> None:
    names.require_published(names.parse("fast@int8"))
    with pytest.raises(UsageError, match="did you mean 'ViT-B-32/openai'"):
        names.require_published(names.parse("ViT-B-32/openaj"))
    with pytest.raises(UsageError, match=f"did you mean '{FAST}'"):
        names.require_published(names.parse("ViT-B-32-25/datacomp_s34b_b86k"))


def test_what_is_here_may_have_been_meant() -> None:
    mine = names.parse("ViT-B-32/mine")
    with pytest.raises(UsageError, match="did you mean 'ViT-B-32/mine-2' or"):
        names.require_published(mine, ["ViT-B-32/mine", "ViT-B-32/mine-2"])
    names.require_published(names.parse("hf-hub:org/name"))


@given(st.text(), st.text())
def test_folders_of_different_names_are_different_and_stay_inside(one: str, other: str) -> None:
    one, other = (text.encode("utf-8", "replace").decode() for text in (one, other))
    folders = names.folder_name(one), names.folder_name(other)
    assert (folders[0] == folders[1]) == (one == other)
    for folder in folders:
        assert "/" not in folder
        assert not folder.startswith(".")
        assert len(folder) <= 120


def test_folders_can_be_read() -> None:
    assert names.folder_name(FAST) == "ViT-B-32-256%2fdatacomp_s34b_b86k"


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases_point_to_published_models_that_anybody_may_use(alias: str) -> None:
    model = lookup(ALIASES[alias][0])
    assert model is not None
    assert model.licence in ("MIT", "Apache-2.0")
    assert model.imagenet is not None
    assert f"{100 * model.imagenet:.1f}" in ALIASES[alias][1]


@pytest.mark.parametrize("file", ["OpenAI.safetensors", "openai.pt"])
def test_a_checkpoint_takes_no_published_name_by_its_files(file: str) -> None:
    with pytest.raises(UsageError, match="published weights are called so too, RN50/openai"):
        names.parse("RN50", Path(file))
    with pytest.raises(UsageError, match="ViT-B-32/laion2b_s34b_b79k"):
        names.parse("ViT-B-32", Path("LAION2B-S34B-B79K.safetensors"))
