"""Throttling: so many attempts in a while, by whatever key is counted."""


class Throttle:
    """Counts attempts, in whatever backend is in force."""

    async def hit(self, key: str, most: int, seconds: int) -> float:
        """Count an attempt; 0 if it may go on, else the seconds until one may again.

        A window of `seconds` lets `most` attempts through; 0 lets all through.
        """
        if not most:
            return 0.0
        count, left = await self.count(key, seconds)
        return max(left, 1.0) if count > most else 0.0

    async def count(self, key: str, seconds: int) -> tuple[int, float]:
        """Count one more in the key's window: how many there are, and the seconds it has left."""
        raise NotImplementedError
