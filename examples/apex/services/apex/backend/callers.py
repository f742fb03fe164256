"""What the handlers ask for: the registered services, and who is calling."""

from typing import Annotated

from fastapi import Depends, Header, Request

from apex.backend.registration import Services, registered
from apex.shared.tokens import Caller, bearer, identify


async def _services(request: Request) -> Services:
    return registered(request)


Registered = Annotated[Services, Depends(_services)]


async def _caller(
    request: Request, services: Registered, authorization: Annotated[str, Header()] = ""
) -> Caller:
    state = request.app.state
    return await identify(
        state.settings.stores.jwt_secret, state.stores.cache, bearer(authorization)
    )


SignedIn = Annotated[Caller, Depends(_caller)]
