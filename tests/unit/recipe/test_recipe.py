"""Recipes: files, `extends`, overrides, and messages for wrong keys and values."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scanvq.build import make_tokenizer
from scanvq.recipe.description import describe_recipe, parameters_by_part
from scanvq.recipe.reading import parse_recipe, read_recipe
from scanvq.spec import SpecError


def test_overrides_are_toml_or_text() -> None:
    recipe = read_recipe(
        "tiny",
        overrides=[
            "tokenizer.quantizer.codebook_size=32",
            "tokenizer.channels=[8, 8]",
            "preparation.fit=pad",
            'preparation.intensity = "file"',
            "training.prior.learning_rate=1e-2",
        ],
    )
    assert recipe.tokenizer["quantizer"]["codebook_size"] == 32
    assert recipe.tokenizer["channels"] == [8, 8]
    assert recipe.preparation.fit == "pad"
    assert recipe.preparation.intensity == "file"
    assert recipe.stage("prior").learning_rate == 0.01
    assert recipe.stage("tokenizer").betas == (0.9, 0.999)


def test_only_the_tokenizer_stage_has_a_codebook_monitor() -> None:
    assert read_recipe("tiny").stage("tokenizer").codebook_monitor == "adjust"
    assert read_recipe("hipmri-vqvae2-as-printed").stage("tokenizer").codebook_monitor == "warn"
    with pytest.raises(SpecError, match=r"training\.prior\.codebook_monitor does not exist"):
        read_recipe("tiny", overrides=["training.prior.codebook_monitor=warn"])


def test_a_changed_kind_keeps_only_settings_of_the_new_kind() -> None:
    quantizer = read_recipe(
        "tiny", overrides=["tokenizer.quantizer.decay=0.9", "tokenizer.quantizer.kind=nearest"]
    ).tokenizer["quantizer"]
    assert quantizer["kind"] == "nearest"
    assert quantizer["codebook_size"] == 64
    assert "decay" not in quantizer


def test_entries_of_a_list_are_numbered(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(
        'name = "two"\nextends = "tiny"\n[prior]\nkind = "hierarchical"\n'
        '[[prior.levels]]\nkind = "gated_pixelcnn"\n[[prior.levels]]\nkind = "gated_pixelcnn"\n'
    )
    recipe = read_recipe(file, overrides=["prior.levels.1.channels=16"])
    assert [level["channels"] for level in recipe.prior["levels"]] == [128, 16]
    with pytest.raises(SpecError, match=r"entries 0 to 1, not 2"):
        read_recipe(file, overrides=["prior.levels.2.channels=16"])
    with pytest.raises(SpecError, match="name a setting inside entry 1"):
        read_recipe(file, overrides=["prior.levels.1=16"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tokenizer", "not of the form section.key=value"),
        ("=3", "not of the form"),
        ("tokenizer..channels=3", "not of the form"),
        ("tokenizr.channels=[8]", "Did you mean tokenizer"),
        ("tokenizer.chanels=[8]", r"tokenizer.chanels does not exist. Did you mean channels\?"),
        ("tokenizer.kind=vae", "tokenizer.kind is 'vae'"),
        ("tokenizer.kind.x=3", "kind is a value, not a table of settings"),
        ("tokenizer.residual_blocks.x=3", "residual_blocks is a value, not a table of settings"),
        ("tokenizer.input_mean=0.5", "tokenizer.input_mean is derived from the data"),
        ("prior.codebook_size=3", "prior.codebook_size is derived from the data"),
        ("training.tokenizer.batch_size=0", "training.tokenizer.batch_size is 0"),
        ("training.tokeniser.batch_size=2", "training.tokeniser does not exist. Did you mean tokenizer"),
        (
            "training.prior.objective.kind=reconstruct",
            "does not train a prior; use adversarial_codes or masked_codes or next_code",
        ),
        ("preparation.size=[0, 64]", "preparation.size"),
        ("data.test=1.0", "data.test is 1.0"),
        ("sampling.top_p=0", "sampling.top_p is 0"),
    ],
)
def test_a_wrong_override_is_explained(override: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_recipe("tiny", overrides=[override])


def test_a_file_extends_a_file_and_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base.toml").write_text('extends = "tiny"\n[training.prior]\nepochs = 7\nbatch_size = 3\n')
    (tmp_path / "mine.toml").write_text(
        'extends = "base.toml"\nname = "mine"\n[training.prior]\nbatch_size = 5\n'
    )
    monkeypatch.chdir(tmp_path.parent)
    recipe = read_recipe(tmp_path / "mine.toml")
    assert (recipe.name, recipe.stage("prior").epochs, recipe.stage("prior").batch_size) == ("mine", 7, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 3 3", "not valid TOML"),
        ('extends = "me.toml"', "in a circle"),
        ('name = "x"', "the recipe has no tokenizer"),
        ('extends = "tinny"', "there is no recipe 'tinny'. Did you mean tiny"),
        (
            'extends = "tiny"\n[sample]\nseed = 1',
            "sample is not a section of a recipe. Did you mean",
        ),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "me.toml"
    file.write_text(text)
    with pytest.raises(SpecError, match=message):
        read_recipe(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no recipe file"):
        read_recipe(tmp_path / "none.toml")


def test_a_recipe_is_described() -> None:
    recipe = read_recipe("tiny")
    lines = describe_recipe(recipe)
    assert lines[0] == "images of 64x64: codes 16x16, 0.3750 bits per pixel"
    assert describe_recipe(recipe, size=(32, 64))[0].startswith("images of 32x64: codes 8x16")
    with pytest.raises(SpecError, match="--size"):
        describe_recipe(read_recipe("tiny", overrides=["preparation.size=native", "source={}"]))


def test_codebooks_count_as_parameters() -> None:
    for kind in ("nearest", "moving_average"):
        recipe = read_recipe("tiny", overrides=[f"tokenizer.quantizer.kind={kind}"])
        assert parameters_by_part(make_tokenizer(recipe.tokenizer))["quantizer"] == 64 * 16


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("maskgit", "training.prior.objective.label_dropout=0.2", "Did you mean condition_dropout"),
        ("tiny", "training.tokenizer.codebook_doctor=tell", "Did you mean codebook_monitor"),
        ("tiny", "prior.kind=pyramid", "Did you mean hierarchical"),
    ],
)
def test_old_names_raise_with_the_new_name(name: str, override: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_recipe(name, overrides=[override])


@pytest.mark.parametrize(
    ("kind", "objective"),
    [("maskgit", "masked_codes"), ("latent_gan", "adversarial_codes"), ("transformer", "next_code")],
)
def test_the_objective_follows_the_kind_of_prior(kind: str, objective: str) -> None:
    assert read_recipe("tiny", overrides=[f"prior.kind={kind}"]).objective("prior")["kind"] == objective


def test_a_fitting_objective_keeps_its_settings() -> None:
    overrides = ["training.prior.objective.condition_dropout=0.3", "prior.kind=transformer"]
    assert read_recipe("tiny", overrides=overrides).objective("prior")["condition_dropout"] == 0.3


def test_a_recipe_without_a_decoder_has_no_section_for_it() -> None:
    plain = read_recipe("tiny")
    assert plain.decoder is None
    assert plain.stages == ("tokenizer", "prior")
    assert "decoder" not in tomllib.loads(plain.toml())
    off = read_recipe(
        "tiny", overrides=["decoder.kind=natural", "training.decoder.epochs=3", "decoder.kind=none"]
    )
    assert off == plain


def test_a_decoder_has_a_stage_with_defaults() -> None:
    recipe = read_recipe("tiny", overrides=["decoder.kind=natural", "decoder.residual_channels=8"])
    assert recipe.decoder is not None
    assert recipe.decoder["residual_channels"] == 8
    assert recipe.stages == ("tokenizer", "prior", "decoder")
    assert recipe.objective("decoder")["kind"] == "natural_images"
    assert parse_recipe(recipe.toml(), label="again") == recipe


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("decoder.kind=naturall", "decoder.kind is 'naturall', which does not exist. Did you mean natural"),
        (
            "training.decoder.epochs=3",
            'training.decoder needs a decoder to train; set decoder.kind = "natural"',
        ),
        ("training.tokenizer.objective.kind=natural_images", "which does not train a tokenizer"),
    ],
)
def test_decoders_that_cannot_be_are_refused(override: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        read_recipe("tiny", overrides=[override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.prior=3", "training.prior is 3; it must be a table of settings."),
        ("training=5", "training is 5; it must be a table of stages."),
        ("global_code=3", "global_code is 3; it must be a table of settings."),
        ("global_code.layout=1", "use 0 for none, or at least 2"),
    ],
)
def test_values_in_place_of_tables_and_codes_of_one_value_are_refused(override: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        read_recipe("tiny", overrides=[override])
