"""Everything that exists: moto's backends, what our own rules hold, the clock, and the one lock over all of it."""

from __future__ import annotations

import threading
from typing import Any

from clock import Clock
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

ACCOUNT = "123456789012"
REGION = "us-east-1"


class World:
    def __init__(self, scale: float) -> None:
        self.clock = Clock(scale)
        # moto is not made for threads, and a rule must see and change the world in one piece.
        self.lock = threading.RLock()
        self.moto = DomainDispatcherApplication(create_backend_app)
        # What rules keep, by their own name.
        self.kept: dict[str, Any] = {}

    def reset(self) -> None:
        """Nothing exists any more."""
        BackendDict.reset()
        self.kept.clear()
        self.clock.forget()

    def keep(self, name: str) -> dict[Any, Any]:
        """A rule's own memory."""
        return self.kept.setdefault(name, {})

    def backend(self, service: str, region: str = REGION) -> Any:
        """moto's own objects of a service."""
        if service in ("iam", "route53", "s3", "sts"):
            region = "aws"
        return get_backend(service)[ACCOUNT][region]

    def ask(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Asks moto itself, past the rules."""
        from wire import Call

        return Call.internal(self, service, operation, params).forward()
