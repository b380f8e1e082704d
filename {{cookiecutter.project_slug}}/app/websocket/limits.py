"""How much one client may say."""

import time

PATIENCE = 10
"""Refused messages, at the least, after which a client is not only slow to understand."""


class Allowance:
    """A token bucket: so many messages at once, and as many again in each minute; 0 is no limit.

    What is refused is paid for too, so that a client that goes on regardless ends in a debt that
    tells it from one that is only quick for a moment.
    """

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._left, self._at = float(per_minute), time.monotonic()

    def take(self) -> bool:
        """Whether one more message is within the allowance."""
        if not self._most:
            return True
        now = time.monotonic()
        gained = (now - self._at) * self._most / 60
        self._left, self._at = min(self._most, self._left + gained) - 1, now
        return self._left >= 0

    @property
    def abused(self) -> bool:
        """Whether refusals have gone on for too long."""
        return self._left < -max(PATIENCE, self._most / 10)
