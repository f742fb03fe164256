"""Loads what warns about itself while it is loaded."""

import warnings

with warnings.catch_warnings():
    # One of mitmproxy's own parts uses old names of a library.
    warnings.simplefilter("ignore", DeprecationWarning)
    import mitmproxy.addons  # noqa: F401
