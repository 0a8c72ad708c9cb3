"""What every tab of the app needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scanvq.app.limits import Limits
from scanvq.app.served_model import ServedModel


@dataclass(frozen=True, kw_only=True)
class Service:
    """The models, the limits and the temporary folder of a running app.

    Attributes:
        served: the model of all tabs.
        compared: a second one, for the tab that compares; None without.
        limits: of a request.
        folder: of uploads; deleted when the app ends.
    """

    served: ServedModel
    compared: ServedModel | None
    limits: Limits
    folder: Path
