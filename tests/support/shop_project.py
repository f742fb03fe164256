"""A project with one service on the local platform, for tests of whole runs by the command line."""

import shutil
import sys
from pathlib import Path

SHOP = Path(__file__).with_name("shop.py")
PYTEST = f'["{sys.executable}", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio"]'
CONFIGURATION = f"""
schema = 1
[project]
name = "shop"
[environments.local]
kind = "local"
platform = "local"
[services.shop]
source = "services"
command = ["{sys.executable}", "serve.py", "{{PORT}}"]
health = "/health"
ready = "/health"
start_timeout = 20
[targets.shop]
service = "shop"
env = ["SHOP_URL"]
[suites.e2e]
command = {PYTEST}
timeout = 120
"""
SERVE = """
import os, sys
import shop
shop.serve(int(sys.argv[1]), os.environ["GREENPROOF_REVISION"])
"""


def write_project(place: Path, suite: str) -> None:
    """Configuration, service and suite, in a folder that is there."""
    (place / "services").mkdir()
    shutil.copy2(SHOP, place / "services" / "shop.py")
    (place / "services" / "serve.py").write_text(SERVE)
    (place / "greenproof.toml").write_text(CONFIGURATION)
    (place / "test_shop.py").write_text(suite)
