"""TLS on both sides: served with the relay's own CA, verified as each target says."""

import ipaddress
from typing import Any

from mitmproxy import ctx, tls
from mitmproxy.addons.tlsconfig import DEFAULT_HOSTFLAGS, TlsConfig, _default_ciphers
from mitmproxy.connection import Server
from mitmproxy.net import tls as net_tls
from OpenSSL import SSL

from greenproof.adapters.relay.listeners import Listener, Listeners
from greenproof.adapters.relay.targets import RelayTarget


class Encryption(TlsConfig):
    """mitmproxy's TLS settings, with one trust for each target."""

    name = "tlsconfig"

    def __init__(self, listeners: Listeners) -> None:
        self.listeners = listeners

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Ask the service first, so that the client is offered what the service speaks (HTTP/2)."""
        data.establish_server_tls_first = bool(data.context.server.tls)

    def tls_start_server(self, data: tls.TlsData) -> None:
        """Connect to a service with the trust of its target."""
        listener: Listener | None = self.listeners.at(data.context.client.sockname)
        server = data.conn
        own_trust = listener is not None and bool(listener.target.ca or listener.target.insecure)
        if listener is None or not own_trust or not isinstance(server, Server):
            super().tls_start_server(data)
            return
        server.sni = server.sni or listener.origin.host
        if not server.alpn_offers:
            server.alpn_offers = tuple(data.context.client.alpn_offers)
        data.ssl_conn = _connection(listener.target, server.sni)
        if server.alpn_offers:
            data.ssl_conn.set_alpn_protos(list(server.alpn_offers))
        data.ssl_conn.set_connect_state()


def _connection(target: RelayTarget, name: str) -> SSL.Connection:
    lowest = net_tls.Version[ctx.options.tls_version_server_min]
    verify = net_tls.Verify.VERIFY_NONE if target.insecure else net_tls.Verify.VERIFY_PEER
    held = SSL.Connection(
        net_tls.create_proxy_server_context(
            method=net_tls.Method.TLS_CLIENT_METHOD,
            min_version=lowest,
            max_version=net_tls.Version[ctx.options.tls_version_server_max],
            cipher_list=_default_ciphers(lowest),
            ecdh_curve=None,
            verify=verify,
            ca_path=None,
            ca_pemfile=str(target.ca) if target.ca else None,
            client_cert=None,
            legacy_server_connect=target.insecure,
        )
    )
    _expect_name(held, name)
    return held


def _expect_name(held: SSL.Connection, name: str) -> None:
    """Send the name and verify the certificate against it, as mitmproxy does."""
    # pyOpenSSL has no public way to verify a name.
    library: Any = SSL._lib  # type: ignore[attr-defined]  # noqa: SLF001
    param = library.SSL_get0_param(held._ssl)  # noqa: SLF001
    library.X509_VERIFY_PARAM_set_hostflags(param, DEFAULT_HOSTFLAGS)
    try:
        packed = ipaddress.ip_address(name).packed
    except ValueError:
        host = name.encode("idna")
        held.set_tlsext_host_name(host)
        done = library.X509_VERIFY_PARAM_set1_host(param, host, len(host))
    else:
        # RFC 6066 permits no literal addresses in the name extension.
        done = library.X509_VERIFY_PARAM_set1_ip(param, packed, len(packed))
    if done != 1:
        raise ValueError("the name of the target cannot be verified")
