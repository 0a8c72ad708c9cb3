"""Tokenizers: images to codes and back."""

from scanvq.tokenizers.vqvae import VQVAE as VQVAE
