"""When a stage records its losses, and when it validates."""

from __future__ import annotations

from dataclasses import dataclass

from scanvq.training.training_limit import TrainingLimit

VALIDATIONS = 25  # at most this many in one training
_VALIDATION_SHARE = 0.1  # of a time budget, at most
_RECORD_STEPS = 10  # at least, of a record in the history; about ten records an epoch


@dataclass(frozen=True, kw_only=True)
class MonitoringSchedule:
    """When one stage records losses and validates.

    Attributes:
        limit: when training ends.
        steps_per_epoch: steps for one pass over the training samples.
    """

    limit: TrainingLimit
    steps_per_epoch: int

    def record_is_due(self, step: int, elapsed: float) -> bool:
        """Every `window` steps; at the end if at least half a window is left, or there is no record yet.

        The mean of only a few last steps would show as a spike at the end of every curve.
        """
        window = max(_RECORD_STEPS, self.steps_per_epoch // 10)
        left = step % window
        over = self.limit.reached(step, elapsed)
        return left == 0 or (over and (left >= window / 2 or step < window))

    def validation_is_due(
        self, step: int, elapsed: float, *, validated_at: float, validation_seconds: float
    ) -> bool:
        """At the end of an epoch, or after a share of the seconds, at most `VALIDATIONS` times.

        Args:
            step: steps done.
            elapsed: seconds of training so far.
            validated_at: progress at the last validation.
            validation_seconds: duration of that validation.
        """
        if self.limit.steps is not None:
            epoch_ends = step % self.steps_per_epoch == 0
            return epoch_ends and step / self.limit.steps - validated_at >= 1 / VALIDATIONS - 1e-9
        assert self.limit.seconds is not None
        since = elapsed - validated_at * self.limit.seconds - validation_seconds
        min_gap = validation_seconds * (1 / _VALIDATION_SHARE - 1)
        return since >= max(self.limit.seconds / VALIDATIONS, min_gap)
