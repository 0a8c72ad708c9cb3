"""Adversarial training of a GAN over codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from scanvq.conditions.condition import Condition
from scanvq.conditions.dropout import hide_conditions
from scanvq.nn.frozen import frozen
from scanvq.priors.adversarial_prior import AdversarialPrior
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.spec import Derived, Share
from scanvq.types import Batch, Losses, Objective

_SEED = 1511_06434


class AdversarialCodes(Objective):
    """The non-saturating GAN loss on maps of code vectors (arXiv 1406.2661; DCGAN, arXiv 1511.06434).

    The discriminator is updated first: binary cross-entropy on real and on generated maps. The generator is
    updated next, with the updated discriminator. The tokenizer is not trained.

    Args:
        prior: an adversarial prior such as `latent_gan`, for a single level.
        label_smoothing: subtracted from the discriminator's target for real maps (arXiv 1606.03498,
            section 3.4).
        condition_dropout: share of the images from which a condition is dropped, independently for each
            condition, so that the generator also learns the distribution without it.

    Raises:
        ValueError: a prior of another kind, or more than one level.
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
                f"adversarial_codes trains a single level, an adversarial prior, but prior has {kinds}; "
                'set prior.kind = "latent_gan", or training.prior.objective.kind = "next_code"'
            )
        self.prior = prior
        self.label_smoothing = label_smoothing
        self.condition_dropout = condition_dropout

    @property
    def gan(self) -> AdversarialPrior:
        """The adversarial prior of the only level."""
        level = self.prior.priors[0]
        assert isinstance(level, AdversarialPrior)
        return level

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"discriminator": self.gan.critic.parameters(), "generator": self.gan.generator.parameters()}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.codes is not None
        real = self.gan.maps(batch.codes[0])  # (B, D, h, w)
        noise, uniform = self._random_numbers(len(real), step, real.device)
        condition = self._drop_conditions(batch.condition, uniform)
        if player == "discriminator":
            return self._discriminator_loss(real, noise, condition)
        return self._generator_loss(noise, condition)

    def _discriminator_loss(self, real: Tensor, noise: Tensor, condition: Condition) -> Losses:
        with torch.no_grad():
            fake = self.gan.generator(noise, condition)
        real_logits = self.gan.critic(real, condition).float()  # (B,)
        fake_logits = self.gan.critic(fake, condition).float()  # (B,)
        total = _cross_entropy(real_logits, 1 - self.label_smoothing) + _cross_entropy(fake_logits, 0)
        parts = {
            "discriminator_loss": total,
            "discriminator_real": (real_logits > 0).float().mean(),
            "discriminator_fake": (fake_logits <= 0).float().mean(),
        }
        return Losses(total=total, parts={name: value.detach() for name, value in parts.items()})

    def _generator_loss(self, noise: Tensor, condition: Condition) -> Losses:
        with frozen(self.gan.critic):
            logits = self.gan.critic(self.gan.generator(noise, condition), condition).float()
        total = _cross_entropy(logits, 1)
        return Losses(total=total, parts={"generator_loss": total.detach()})

    def _random_numbers(self, count: int, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Noise (B, Z) and uniform numbers (conditions, B) for this process's part of the batch of a step.

        They are the same for both players and do not depend on the number of processes. In evaluation they
        are the same at every step.
        """
        shared = dist.is_available() and dist.is_initialized()
        rank, processes = (dist.get_rank(), dist.get_world_size()) if shared else (0, 1)
        generator = torch.Generator().manual_seed(_SEED + (step if self.training else -1))
        noise = torch.randn(count * processes, self.gan.noise_dim, generator=generator)
        names = self.gan.conditions.names
        uniform = torch.rand(len(names), count * processes, generator=generator)
        local = slice(rank * count, (rank + 1) * count)
        return noise[local].to(device), uniform[:, local].to(device)

    def _drop_conditions(self, condition: Condition, uniform: Tensor) -> Condition:
        if not self.training:
            return condition
        space = self.gan.conditions
        given = [number for number, name in enumerate(space.names) if name in condition.names]
        return hide_conditions(condition, space, uniform[given] < self.condition_dropout)


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
