"""A space of a TorchScript file: what is read, what is refused, and how it takes part."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from scanvq.evaluation.comparison_metrics import comparison_metrics
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.named_space import SpaceError, read_named_space, read_named_spaces
from scanvq.evaluation.spaces import fit_spaces

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Moments(nn.Module):
    """Mean and standard deviation of every channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[1] == self.scale.shape[1]
        scaled = (images * self.scale).flatten(2)
        return torch.cat([scaled.mean(dim=2), scaled.std(dim=2)], dim=1)


class Flat(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(1, 2, 3))


class NotFinite(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :2] / 0


def saved(module: nn.Module, file: Path) -> Path:
    torch.jit.script(module).save(str(file))
    return file


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_values_are_repeated_where_a_network_wants_three_channels(channels: int, tmp_path: Path) -> None:
    space = read_named_space(saved(Moments(channels), tmp_path / "moments.pt"))
    images = np.random.default_rng(0).random((20, 8, 6), np.float32)
    vectors = space.describe(images)
    assert vectors.shape == (20, 2 * channels)
    np.testing.assert_allclose(
        vectors[:, :channels], np.stack([images.mean((1, 2))] * channels, 1), rtol=1e-5
    )
    assert space.name == "moments"
    assert len(space.digest) == 16


def test_only_torchscript_is_read(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Attack()))
    torch.save(Moments(1).state_dict(), tmp_path / "weights.pt")
    torch.save(Attack(), tmp_path / "attack.pt")
    with zipfile.ZipFile(tmp_path / "forged.pt", "w") as archive:
        archive.writestr("forged/data.pkl", pickle.dumps(Attack()))
        archive.writestr("forged/constants.pkl", pickle.dumps(Attack()))
        archive.writestr("forged/code/__torch__.py", "")
        archive.writestr("forged/version", "3")
    for name in ("plain", "weights", "attack"):
        with pytest.raises(SpaceError, match="is not TorchScript, and nothing else is read"):
            read_named_space(tmp_path / f"{name}.pt")
    with pytest.raises(SpaceError, match="cannot be loaded"):
        read_named_space(tmp_path / "forged.pt")
    assert not (tmp_path / "ran").exists()
    with pytest.raises(SpaceError, match="which is no file"):
        read_named_space(tmp_path / "nowhere.pt")


def test_names_are_those_of_no_other_space(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="rename the file"):
        read_named_space(saved(Moments(1), tmp_path / "network.pt"))
    (tmp_path / "inner").mkdir()
    twice = [saved(Moments(1), folder / "one.pt") for folder in (tmp_path, tmp_path / "inner")]
    with pytest.raises(SpaceError, match="a name of its own"):
        read_named_spaces(twice)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Flat(), r"gives shape \(4,\) for 4 images; it must give one vector an image, \(4, p\)"),
        (NotFinite(), "gives values that are not finite"),
        (Moments(2), "fails for images .* with 1 channel: .* with 3 channels: "),
    ],
)
def test_what_a_network_must_give(module: nn.Module, message: str, tmp_path: Path) -> None:
    space = read_named_space(saved(module, tmp_path / "bad.pt"))
    with pytest.raises(SpaceError, match=message):
        space.describe(np.full((4, 8, 8), 0.5, np.float32))


def test_a_named_space_is_one_more_key_of_every_score(tmp_path: Path) -> None:
    space = read_named_space(saved(Moments(1), tmp_path / "moments.pt"))
    random = np.random.default_rng(0)

    def images(first: int) -> ImageSet:
        return ImageSet(
            name="noise",
            images=random.random((24, 16, 16), np.float32) * random.random((24, 1, 1), np.float32),
            subjects=np.arange(first, first + 24),
        )

    spaces = fit_spaces(images(0), named=[space], network=False)
    assert [one.name for one in spaces] == ["features", "pca32", "moments"]
    one, two = images(100), images(200)
    for metric in comparison_metrics(spaces, interval=False):
        if metric.name in ("auc", "frechet", "kernel"):
            metric.update(one, side="created")
            metric.update(two, side="reference")
            found = metric.compute()
            assert set(found) == set(metric.names)
            if f"{metric.name}.moments" in found:
                assert found[f"{metric.name}.moments"].value is not None
