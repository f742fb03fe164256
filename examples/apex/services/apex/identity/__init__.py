"""A small identity provider, the company log-in that Apex trusts: OAuth 2, code flow, PKCE."""
