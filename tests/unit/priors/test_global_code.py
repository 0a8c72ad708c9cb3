"""Global code: assignment, exact likelihood, unknown cells, few images."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from scanvq.build import make_prior
from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS
from scanvq.priors.global_code import FEWEST_MEMBERS, GlobalCode
from scanvq.types import UNKNOWN, SamplingParams

SHAPE, SIZE, DIM = (8, 6), 16, 4


def global_code(appearance: int = 4, layout: int = 3, shape: tuple[int, int] = SHAPE) -> GlobalCode:
    return GlobalCode(
        appearance=appearance, layout=layout, codebook_sizes=(SIZE,), code_dims=(DIM,), code_shapes=(shape,)
    )


def images_of_two_scanners(count: int = 64) -> tuple[Tensor, Tensor]:
    """Codes below 8 from one scanner, from 8 on from the other; and which it is."""
    generator = torch.Generator().manual_seed(0)
    scanner = torch.arange(count) % 2
    codes = torch.randint(0, 8, (count, *SHAPE), generator=generator) + 8 * scanner[:, None, None]
    return codes, scanner


def codebook() -> Tensor:
    return torch.randn(SIZE, DIM, generator=torch.Generator().manual_seed(1))


def test_images_of_different_appearance_get_different_codes() -> None:
    codes, scanner = images_of_two_scanners()
    whole = global_code(appearance=2, layout=0)
    whole.fit((codes,), (codebook(),))
    found = whole.assign((codes,)).categories["global_appearance"]
    assert len(set(found[scanner == 0].tolist())) == 1
    assert len(set(found[scanner == 1].tolist())) == 1
    assert found[0] != found[1]


def test_a_half_known_image_has_the_code_of_its_known_half() -> None:
    codes, _ = images_of_two_scanners()
    whole = global_code(appearance=2, layout=2)
    whole.fit((codes,), (codebook(),))
    half = codes.clone()
    half[:, :, 3:] = UNKNOWN
    complete, partial = whole.assign((codes,)), whole.assign((half,))
    assert torch.equal(complete.categories["global_appearance"], partial.categories["global_appearance"])


def test_layout_is_the_nearest_center_of_the_regions_mean_vectors() -> None:
    codes, _ = images_of_two_scanners(32)
    whole = global_code(appearance=0, layout=3)
    book = codebook()
    whole.fit((codes,), (book,))
    means = torch.nn.functional.adaptive_avg_pool2d(book[codes].permute(0, 3, 1, 2), (8, 6)).flatten(1)
    expected = torch.cdist(means, whole.get_buffer("centers_layout")).argmin(1)
    assert torch.equal(whole.assign((codes,)).categories["global_layout"], expected)


def test_an_unknown_image_has_no_global_code() -> None:
    whole = global_code(appearance=2, layout=3)
    whole.fit((images_of_two_scanners()[0],), (codebook(),))
    found = whole.assign((torch.full((2, *SHAPE), UNKNOWN),)).categories
    assert found["global_appearance"].tolist() == [2, 2]
    assert found["global_layout"].tolist() == [3, 3]


def test_few_images_use_few_values_and_no_other_is_ever_assigned() -> None:
    codes, _ = images_of_two_scanners(2 * FEWEST_MEMBERS)
    whole = global_code(appearance=16, layout=0)
    whole.fit((codes,), (codebook(),))
    assert int(whole.get_buffer("counts").count_nonzero()) <= 2
    random = torch.randint(0, SIZE, (200, *SHAPE), generator=torch.Generator().manual_seed(3))
    assert set(whole.assign((random,)).categories["global_appearance"].tolist()) <= {0, 1}


def test_the_probabilities_of_all_grids_add_up_to_one() -> None:
    """p(g) p(codes | g) summed over the grids never exceeds 1: g is a function of the codes."""
    torch.manual_seed(0)
    prior = make_prior(
        {"kind": "gated_pixelcnn", "channels": 4, "dilations": (1,), "embedding_dim": 4, "dropout": 0.0}
        | {"positions": False},
        codebook_sizes=(2,),
        code_shapes=((2, 2),),
        code_dims=(3,),
        conditions=NO_CONDITIONS,
        global_code={"appearance": 2, "layout": 0},
    ).eval()
    grids = torch.tensor(list(product((0, 1), repeat=4))).view(16, 2, 2)
    assert prior.global_code is not None
    prior.global_code.fit((grids,), (torch.randn(2, 3),))
    total = 0.0
    assigned = prior.global_code.assign((grids,))
    for value in range(2):  # of p(codes | g), the share on codes whose code is another is lost, never gained
        given = Condition(categories={"global_appearance": torch.full((16,), value)})
        logits = prior.logits((grids,), given)[0]
        nats = torch.nn.functional.cross_entropy(logits, grids, reduction="none").sum((1, 2))
        assert float((-nats).exp().sum().detach()) == pytest.approx(1, abs=1e-5)
    total = float((2 ** -prior.bits((grids,))).sum().detach())
    assert 0 < total <= 1 + 1e-6
    of_codes = prior.bits((grids,)) - prior.global_code.bits(assigned)
    nats = torch.nn.functional.cross_entropy(prior.logits((grids,))[0], grids, reduction="none").sum((1, 2))
    assert torch.allclose(of_codes.float(), nats / math.log(2), atol=1e-4)


def test_samples_follow_a_given_global_code() -> None:
    """A prior that is asked for a global code uses it, and the inferred one when cells are known."""
    torch.manual_seed(0)
    prior = make_prior(
        {"kind": "gated_pixelcnn", "channels": 8, "dilations": (1,), "embedding_dim": 4, "dropout": 0.0}
        | {"positions": False},
        codebook_sizes=(SIZE,),
        code_shapes=(SHAPE,),
        code_dims=(DIM,),
        conditions=NO_CONDITIONS,
        global_code={"appearance": 2, "layout": 0},
    ).eval()
    codes, _ = images_of_two_scanners()
    assert prior.global_code is not None
    prior.global_code.fit((codes,), (codebook(),))
    for embedding in prior.modules():
        if isinstance(embedding, torch.nn.Embedding) and embedding.num_embeddings == 3:
            torch.nn.init.normal_(embedding.weight, std=20)
    known = torch.full((1, *SHAPE), UNKNOWN)

    def sampled(grid: Tensor, **categories: int) -> Tensor:
        condition = Condition(categories={name: torch.tensor([value]) for name, value in categories.items()})
        return prior.sample(
            (grid,), condition, params=SamplingParams(), generator=torch.Generator().manual_seed(0)
        )[0]

    assert not torch.equal(sampled(known, global_appearance=0), sampled(known, global_appearance=1))
    half = torch.where(torch.arange(SHAPE[0])[:, None] < 4, codes[:1], UNKNOWN)
    value = int(prior.global_code.assign((half,)).categories["global_appearance"])
    assert torch.equal(sampled(half), sampled(half, global_appearance=value))


@pytest.mark.parametrize("sizes", [(0, 0), (1, 0), (4, -1)])
def test_sizes_out_of_range_are_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        global_code(*sizes)
