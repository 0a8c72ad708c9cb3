"""ScanVQ: discrete-latent generative modeling of medical images."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanvq.api import Model, Plan, Run, fit, load, plan

    __version__: str

__all__ = ["Model", "Plan", "Run", "__version__", "fit", "load", "plan"]


def __dir__() -> list[str]:
    return list(__all__)


if not TYPE_CHECKING:  # a type checker knows the names above, and no others

    def __getattr__(name: str) -> object:
        """Imports PyTorch and the rest when first used, so that `import scanvq` is immediate."""
        if name == "__version__":
            from importlib.metadata import version

            return version("scanvq")
        if name in __all__:
            from scanvq import api

            return getattr(api, name)
        raise AttributeError(f"module 'scanvq' has no attribute {name!r}")
