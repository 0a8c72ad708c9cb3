"""A critic and a generator against each other: how a GAN over codes is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from scanvq.conditions.condition import Condition
from scanvq.conditions.dropout import hide_conditions
from scanvq.priors.adversarial_prior import AdversarialPrior
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.spec import Derived, Share
from scanvq.types import Batch, Losses, Objective

_SEED = 1511_06434


class AdversarialCodes(Objective):
    """The non-saturating GAN game on maps of code vectors (arXiv 1406.2661; DCGAN, arXiv 1511.06434).

    The critic takes its turn first: binary cross-entropy on real maps and on made ones. The generator's turn
    follows: its maps shall look real to the critic, as just stepped. Nothing reaches the tokenizer.

    Args:
        prior: one level, an adversarial prior such as `latent_gan`.
        label_smoothing: taken off the critic's target for real maps (arXiv 1606.03498, section 3.4).
        condition_dropout: share of the images from which a condition is absent, each condition by itself, so
            that the generator also learns the distribution without any of them.

    Raises:
        ValueError: a prior that is no adversarial one, or more than one level.
    """

    def __init__(
        self,
        *,
        prior: Derived[HierarchicalPrior],
        label_smoothing: Share = 0.0,
        condition_dropout: Share = 0.1,
    ) -> None:
        super().__init__()
        gan = prior.priors[0]
        if len(prior.priors) > 1 or not isinstance(gan, AdversarialPrior):
            kinds = ", ".join(type(level).__name__ for level in prior.priors)
            raise ValueError(
                f"adversarial_codes trains one level, an adversarial prior, but prior has {kinds}; "
                'set prior.kind = "latent_gan", or training.prior.objective.kind = "next_code"'
            )
        self.prior = prior
        self.label_smoothing = label_smoothing
        self.condition_dropout = condition_dropout

    @property
    def gan(self) -> AdversarialPrior:
        """The one level."""
        level = self.prior.priors[0]
        assert isinstance(level, AdversarialPrior)
        return level

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"critic": self.gan.critic.parameters(), "generator": self.gan.generator.parameters()}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.codes is not None
        real = self.gan.maps(batch.codes[0])  # (B, D, h, w)
        noise, uniform = self._draws(len(real), step, real.device)
        condition = self._dropped(batch.condition, uniform)
        if player == "critic":
            return self._critic_turn(real, noise, condition)
        return self._generator_turn(noise, condition)

    def _critic_turn(self, real: Tensor, noise: Tensor, condition: Condition) -> Losses:
        with torch.no_grad():
            made = self.gan.generator(noise, condition)
        for_real = self.gan.critic(real, condition).float()  # (B,)
        for_made = self.gan.critic(made, condition).float()
        total = _cross_entropy(for_real, 1 - self.label_smoothing) + _cross_entropy(for_made, 0)
        parts = {
            "critic_loss": total,
            "critic_real": (for_real > 0).float().mean(),
            "critic_fake": (for_made <= 0).float().mean(),
        }
        return Losses(total=total, parts={name: value.detach() for name, value in parts.items()})

    def _generator_turn(self, noise: Tensor, condition: Condition) -> Losses:
        with _still(self.gan.critic):
            score = self.gan.critic(self.gan.generator(noise, condition), condition).float()
        total = _cross_entropy(score, 1)
        return Losses(total=total, parts={"generator_loss": total.detach()})

    def _draws(self, count: int, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Noise (B, Z) and uniform numbers (conditions, B) of this process's part of a step.

        Both players meet the same in a step, however many processes share the batch; without training it
        is the same at every step.
        """
        shared = dist.is_available() and dist.is_initialized()
        rank, processes = (dist.get_rank(), dist.get_world_size()) if shared else (0, 1)
        generator = torch.Generator().manual_seed(_SEED + (step if self.training else -1))
        whole = torch.randn(count * processes, self.gan.noise_dim, generator=generator)
        names = self.gan.conditions.names
        uniform = torch.rand(len(names), count * processes, generator=generator)
        mine = slice(rank * count, (rank + 1) * count)
        return whole[mine].to(device), uniform[:, mine].to(device)

    def _dropped(self, condition: Condition, uniform: Tensor) -> Condition:
        if not self.training:
            return condition
        space = self.gan.conditions
        given = [number for number, name in enumerate(space.names) if name in condition.names]
        return hide_conditions(condition, space, uniform[given] < self.condition_dropout)


def _cross_entropy(score: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(score, torch.full_like(score, target))


@contextmanager
def _still(module: nn.Module) -> Iterator[None]:
    """Lets a gradient through a module without leaving one in its parameters."""
    moving = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)
