"""Rate limits per credential: a token bucket for each, in this process.

Never by address: a hall full of citizens shares one. The limit is generous, a seat belt against a
runaway client; what must be exact (wrong passwords, pairing codes) is counted in the database instead.
"""

import time
from collections import OrderedDict

from app.core.problems import TooManyRequests

MAX_CREDENTIALS = 20_000


class RateLimiter:
    """`check(key)` passes `per_minute` times a minute for each key, in bursts of at most a tenth of that."""

    def __init__(self, per_minute: int) -> None:
        self._rate = per_minute / 60
        self._burst = max(1.0, per_minute / 10)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str, cost: int = 1) -> None:
        """Take `cost` from the key's bucket; TooManyRequests says after how many seconds to come again."""
        now = time.monotonic()
        left, seen = self._buckets.get(key, (self._burst, now))
        left = min(self._burst, left + (now - seen) * self._rate)
        if left < min(cost, self._burst):
            raise TooManyRequests(retry_after=max(1, round((cost - left) / self._rate)))
        self._buckets[key] = (left - cost, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_CREDENTIALS:
            self._buckets.popitem(last=False)
