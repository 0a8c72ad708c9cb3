"""ScanVQ: discrete-latent generative modeling of medical images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanvq.api import Model, Run, fit, load

__all__ = ["Model", "Run", "__version__", "fit", "load"]


def __getattr__(name: str) -> Any:
    """Imports PyTorch and the rest when first used, so that `import scanvq` is immediate."""
    if name == "__version__":
        from importlib.metadata import version

        return version("scanvq")
    if name in __all__:
        from scanvq import api

        return getattr(api, name)
    raise AttributeError(f"module 'scanvq' has no attribute {name!r}")
