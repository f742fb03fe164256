"""mitmproxy without the addons that nobody asks for.

Its package `mitmproxy.addons` imports every addon there is, among them a web server and LDAP, which is a third of the
time that a relay takes to start. Imported before mitmproxy, this puts an empty package in its place; the addons in it
are found as ever, each when it is asked for.
"""

import sys
from importlib.util import find_spec
from types import ModuleType

_PACKAGE = "mitmproxy.addons"


def _slim() -> None:
    found = find_spec("mitmproxy")
    if _PACKAGE in sys.modules or found is None or not found.submodule_search_locations:
        return
    package = ModuleType(_PACKAGE)
    package.__path__ = [f"{place}/addons" for place in found.submodule_search_locations]
    sys.modules[_PACKAGE] = package


_slim()
