"""When a stage writes down its losses, and when it validates."""

from __future__ import annotations

from dataclasses import dataclass

from scanvq.training.training_limit import TrainingLimit

VALIDATIONS = 25  # at most this many in a whole training
_VALIDATION_SHARE = 0.1  # of a time budget, at most
_RECORD_STEPS = 10  # at least, of a record in the history; about ten records an epoch


@dataclass(frozen=True, kw_only=True)
class MonitoringSchedule:
    """The rhythm of one stage.

    Attributes:
        limit: where training ends.
        steps_per_epoch: once through the training samples.
    """

    limit: TrainingLimit
    steps_per_epoch: int

    def record_is_due(self, step: int, elapsed: float) -> bool:
        """After every so many steps; at the end if half as many are left, or there was no record yet.

        The mean of a few last steps would stand as a spike at the end of every curve.
        """
        window = max(_RECORD_STEPS, self.steps_per_epoch // 10)
        left = step % window
        over = self.limit.reached(step, elapsed)
        return left == 0 or (over and (left >= window / 2 or step < window))

    def validation_is_due(
        self, step: int, elapsed: float, *, validated_at: float, validation_seconds: float
    ) -> bool:
        """At the end of an epoch, or after a share of the seconds, but not more often than it helps.

        Args:
            step: steps done.
            elapsed: seconds of training so far.
            validated_at: progress at the last validation.
            validation_seconds: how long that took.
        """
        if self.limit.steps is not None:
            epoch_ends = step % self.steps_per_epoch == 0
            return epoch_ends and step / self.limit.steps - validated_at >= 1 / VALIDATIONS - 1e-9
        assert self.limit.seconds is not None
        since = elapsed - validated_at * self.limit.seconds - validation_seconds
        rarely = validation_seconds * (1 / _VALIDATION_SHARE - 1)
        return since >= max(self.limit.seconds / VALIDATIONS, rarely)
