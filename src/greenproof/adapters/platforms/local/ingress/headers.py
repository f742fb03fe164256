"""Header fields between client and upstream: what concerns one hop is dropped, the rest is kept."""

from collections.abc import Iterable

import h11

Fields = list[tuple[bytes, bytes]]
INGRESS_HEADER = b"X-Greenproof-Ingress"

_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te", b"upgrade"})


def raw_fields(event: h11.Request | h11.Response | h11.InformationalResponse) -> Fields:
    """All fields, with names as they were written."""
    return list(event.headers.raw_items())


def wants_upgrade(request: h11.Request) -> bool:
    """Whether the client proposes another protocol, such as WebSocket."""
    names = {name for name, _ in request.headers}
    return b"upgrade" in names and b"upgrade" in _tokens(request.headers)


def forward_request(request: h11.Request, client: str, *, upgrade: bool) -> h11.Request:
    """The request as the upstream gets it: Host and everything end-to-end unchanged."""
    fields = _end_to_end(raw_fields(request))
    present = {name.lower() for name, _ in fields}
    if b"transfer-encoding" in present:
        # Both at once is an attempt to smuggle a request; chunked is what counts.
        fields = [field for field in fields if field[0].lower() != b"content-length"]
    earlier = [value for name, value in fields if name.lower() == b"x-forwarded-for"]
    fields = [field for field in fields if field[0].lower() != b"x-forwarded-for"]
    fields.append((b"X-Forwarded-For", b", ".join([*earlier, client.encode("ascii", "replace")])))
    if b"x-forwarded-proto" not in present:
        fields.append((b"X-Forwarded-Proto", b"http"))
    if upgrade:
        protocols = [value for name, value in request.headers if name == b"upgrade"]
        fields += [(b"Connection", b"Upgrade"), *((b"Upgrade", value) for value in protocols)]
    return h11.Request(method=request.method, target=request.target, headers=fields)


def forward_response(response: h11.Response) -> h11.Response:
    """The final answer as the client gets it."""
    fields = _end_to_end(raw_fields(response))
    return h11.Response(status_code=response.status_code, headers=fields, reason=response.reason)


def _end_to_end(fields: Fields) -> Fields:
    lowered = [(name.lower(), value) for name, value in fields]
    dropped = _HOP_BY_HOP | (_tokens(lowered) - {b"close", b"keep-alive", b"upgrade"})
    dropped -= {b"transfer-encoding", b"content-length", b"host"}
    return [field for field in fields if field[0].lower() not in dropped]


def _tokens(fields: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    return frozenset(
        token.strip().lower() for name, value in fields if name == b"connection" for token in value.split(b",")
    )
