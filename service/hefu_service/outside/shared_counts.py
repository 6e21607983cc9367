"""Counts that all processes share, in Redis, for the limits of depositors."""

from __future__ import annotations

from typing import Final

from limits.storage import RedisStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_ANSWER_S: Final = 0.25  # a deposit waits for it; then the process counts for itself


def shared_counter(redis_url: str) -> RateLimiter:
    """Name a Redis to count in; it is connected to when first needed. Its failures are limits.errors.StorageError."""
    redis = Redis.from_url(
        redis_url, socket_connect_timeout=_ANSWER_S, socket_timeout=_ANSWER_S, retry=Retry(NoBackoff(), 1)
    )
    storage = RedisStorage(
        "redis://", connection_pool=redis.connection_pool, key_prefix="hefu-limits", wrap_exceptions=True
    )
    return SlidingWindowCounterRateLimiter(storage)
