"""What a relay imports when it starts."""

import subprocess
import sys

SCRIPT = """
import sys
import greenproof.adapters.relay.process
print("mitmproxy.addons.clientplayback" in sys.modules)
print(sorted({"flask", "ldap3", "werkzeug"} & set(sys.modules)))
from mitmproxy.addons import clientplayback
print(clientplayback.__name__)
"""


def test_only_the_addons_that_are_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["False", "[]", "mitmproxy.addons.clientplayback"]
