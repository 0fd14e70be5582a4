"""Who asks, what they may do, and how a handler says what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from fastapi import Depends, HTTPException, Request

Role = Literal["viewer", "analyst"]
"""A viewer sees everything; an analyst also labels and suppresses."""

ROLES: tuple[Role, ...] = get_args(Role)

How = Literal["session", "token", "proxy", "local"]
"""How somebody is known: signed in, by an API token, by a proxy's header, or as the one at this machine."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who is known."""

    name: str
    """As labels have it in ``by``."""
    role: Role
    how: How
    csrf: str = ""
    """What a change has to bring along, where the browser tells by itself who asks; empty for a token."""

    @property
    def is_analyst(self) -> bool:
        """Whether they may label and suppress."""
        return self.role == "analyst"


def identity_of(request: Request) -> Identity | None:
    """Who asks, as :class:`~triage.access.guard.Guard` found it; None for nobody that is known."""
    found = request.scope.get("identity")
    return found if isinstance(found, Identity) else None


def needs(role: Role) -> Callable[[Request], Identity]:
    """A dependency for FastAPI: it gives who asks, and refuses with 401 who is unknown, with 403 who may not."""

    def asked(request: Request) -> Identity:
        identity = identity_of(request)
        if identity is None:
            raise HTTPException(401, "nobody is signed in; sign in, or send a token as `Authorization: Bearer …`")
        if role == "analyst" and not identity.is_analyst:
            raise HTTPException(403, f"{identity.name} is a viewer; only an analyst may do this")
        return identity

    return asked


viewer = needs("viewer")
analyst = needs("analyst")

Viewer = Annotated[Identity, Depends(viewer)]
Analyst = Annotated[Identity, Depends(analyst)]
"""What a handler declares to be told who asks."""
