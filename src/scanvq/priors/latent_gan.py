"""A GAN over the maps of code vectors: whole grids in one pass, without a likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.kernels.nearest_search import nearest_codes
from scanvq.nn.dcgan_discriminator import DCGANDiscriminator
from scanvq.nn.dcgan_generator import DCGANGenerator
from scanvq.priors.adversarial_prior import AdversarialPrior
from scanvq.priors.grid_size import check_grid
from scanvq.priors.guidance import refuse_guidance
from scanvq.quantizers.feature_rows import look_up, rows_of
from scanvq.sampling.uniforms import uniform_table
from scanvq.spec import Derived
from scanvq.types import UNKNOWN, Codes, SamplingParams


class LatentGAN(AdversarialPrior):
    """DCGAN (arXiv 1511.06434) on the quantized map of a tokenizer.

    ```
    noise (B, Z) ─ generator ─▸ map (B, D, h, w) in [-1, 1] ─ unscale ─ nearest vector ─▸ codes (B, h, w)
    codes ─ look up ─ scale ─▸ map in [-1, 1] ─ critic ─▸ real or not
    ```

    The codebook, once adopted, is kept with the weights, and with it the scale: each of the D numbers of
    a vector is brought to [-1, 1] by its range over the codebook. Noise is standard normal, in training
    as in sampling.

    Args:
        noise_dim: Z.
        channels: width of the generator before its last doubling.
        critic_channels: width of the critic after its first halving.
        codebook_size: K.
        code_dim: D.
        conditions: those that it learns, any of which may be absent; none = unconditional.
        context_sizes: must be (), see Raises.
        height: rows of the code grid.
        width: columns of the code grid.

    Raises:
        ValueError: a size below 1, or a place under a coarser level, which this prior cannot see.
    """

    def __init__(
        self,
        *,
        noise_dim: int = 128,
        channels: int = 64,
        critic_channels: int = 32,
        codebook_size: Derived[int],
        code_dim: Derived[int],
        conditions: Derived[ConditionSpace] = NO_CONDITIONS,
        context_sizes: Derived[tuple[int, ...]] = (),
        height: Derived[int],
        width: Derived[int],
    ) -> None:
        super().__init__()
        sizes = {"noise_dim": noise_dim, "channels": channels, "critic_channels": critic_channels}
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be 1 or more")
        if context_sizes:
            raise ValueError(
                "latent_gan makes a level by itself and cannot see a coarser one; use an autoregressive "
                "prior such as gated_pixelcnn for the finer levels"
            )
        self.codebook_size = codebook_size
        self.code_dim = code_dim
        self.conditions = conditions
        self.noise_dim = noise_dim
        self.shape = (height, width)
        self.generator = DCGANGenerator(
            noise_dim=noise_dim,
            channels=channels,
            code_dim=code_dim,
            height=height,
            width=width,
            conditions=conditions,
        )
        self.critic = DCGANDiscriminator(
            channels=critic_channels,
            code_dim=code_dim,
            height=height,
            width=width,
            conditions=conditions,
        )
        self.register_buffer("vectors", torch.zeros(codebook_size, code_dim))

    vectors: Tensor

    def set_codebook(self, codebook: Tensor) -> None:
        """Takes the tokenizer's codebook (K, D), which maps are made of and snapped to."""
        if codebook.shape != self.vectors.shape:
            raise ValueError(
                f"the codebook is {tuple(codebook.shape)}; this prior was made for one of "
                f"{tuple(self.vectors.shape)}"
            )
        self.vectors.copy_(codebook.detach())

    def maps(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) as a map (B, D, h, w) in [-1, 1]: what the critic takes for real."""
        middle, reach = self._scale()
        return look_up((self.vectors - middle) / reach, codes)

    def quantized(self, maps: Tensor) -> Tensor:
        """The codes (B, h, w) whose vectors are nearest to a map (B, D, h, w) in [-1, 1]."""
        middle, reach = self._scale()
        rows = rows_of(maps, self.code_dim).float() * reach + middle  # (B * h * w, D)
        return nearest_codes(rows, self.vectors).view(maps.shape[0], *maps.shape[2:])

    def _fill(
        self,
        known: Tensor,
        *,
        context: Codes,
        condition: Condition | None,
        params: SamplingParams,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Makes whole grids of codes (B, h, w), in evaluation mode.

        A grid depends on the generator's seed and on how many grids it has served before, not on the batch.
        `params.temperature` multiplies the noise: 0 gives the one grid of no noise.

        Raises:
            ValueError: codes that are known already, a grid of another size, top_k, top_p or guidance, or
                no adopted codebook.
        """
        self._check(known, params)
        device = self.vectors.device
        uniform = uniform_table(known.new_empty(known.shape[0], self.noise_dim), generator)
        noise = torch.special.ndtri(uniform.clamp(min=2**-54)) * params.temperature  # (B, Z)
        maps = self.generator(noise.float().to(device), condition)
        return self.quantized(maps).to(known.device)

    def _scale(self) -> tuple[Tensor, Tensor]:
        """Middle and half the range of each of the D numbers over the codebook, (D,) both."""
        low, high = self.vectors.amin(0), self.vectors.amax(0)
        return (low + high) / 2, ((high - low) / 2).clamp(min=1e-6)

    def _check(self, known: Tensor, params: SamplingParams) -> None:
        if bool((known != UNKNOWN).any()):
            raise ValueError(
                "some codes are known, but latent_gan makes whole grids only; leave all of them unknown, or "
                "use an autoregressive prior such as gated_pixelcnn"
            )
        check_grid(known, self.shape)
        if params.top_k or params.top_p < 1:
            raise ValueError(
                "top_k and top_p choose among the probabilities of codes, which latent_gan does not have; "
                "leave them out (temperature scales its noise)"
            )
        refuse_guidance(params, "latent_gan")
        if not bool(self.vectors.any()):
            raise ValueError("latent_gan has no codebook yet; give it the tokenizer's by `set_codebook`")
