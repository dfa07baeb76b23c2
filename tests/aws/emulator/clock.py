"""The emulator's time: seconds of AWS pass faster than real ones, and things happen when they are due."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable

# How long things take on AWS, in seconds of AWS. Source: run logs of terraform (reference B4) unless said otherwise.
INSTANCE_STARTS = 25  # 13-35 s to `running`
INSTANCE_STOPS = 25  # 20-31 s to `terminated`
VOLUME_READY = 3
VOLUME_GROWS = 60  # a modification goes modifying -> optimizing -> completed
ATTACHES = 5
PROFILE_KNOWN = 10  # "Invalid IAM Instance Profile name" for about 10 s after its creation
BALANCER_READY = 150  # 2m22-2m41
BALANCER_INTERFACES_LINGER = 60  # the interfaces of a deleted balancer stay for minutes
CACHE_READY = 10 * 60  # 6-15 min
CACHE_CHANGES = 4 * 60
CACHE_GOES = 5 * 60
USER_GROUP_CHANGES = 20  # minutes at worst; seconds with few users
KEY_ROTATES = 60  # no figure is given; in the background
ZONE_SYNCS = 35  # private hosted zone PENDING -> INSYNC


class Clock:
    """Now, in seconds of AWS, and what will happen later. The caller holds the world's lock."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self._begin = time.monotonic()
        self._ahead = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> float:
        return self._ahead + (time.monotonic() - self._begin) / self.scale

    def passed(self) -> float:
        """The seconds that tests have let pass at once."""
        return self._ahead

    def advance(self, seconds: float) -> None:
        """Time passes at once, for a test that waits for nothing."""
        self._ahead += seconds
        self.catch_up()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now() + seconds, next(self._order), action))

    def forget(self) -> None:
        """What was to come does not come any more."""
        self._due.clear()

    def catch_up(self) -> None:
        """Does everything that is due by now, in its order."""
        while self._due and self._due[0][0] <= self.now():
            heapq.heappop(self._due)[2]()
