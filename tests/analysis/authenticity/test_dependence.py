"""What the code of a test depends on."""

import pytest

from greenproof.analysis.authenticity.dependence import Dependences

SUITE = {
    "conftest.py": "pytest_plugins = ['support.fixtures']",
    "support/__init__.py": "",
    "support/fixtures.py": "from . import clients",
    "support/clients.py": "DATA = 'answers'",
    "support/unused.py": "",
    "api/conftest.py": "",
    "api/test_a.py": "from support.pages import Cart\nNAME = 'SHOP_URL'\nopen('orders.csv')",
    "support/pages/__init__.py": "from support.pages.cart import Cart",
    "support/pages/cart.py": "",
    "other/conftest.py": "",
    "other/test_b.py": "import json",
    "other/test_dynamic.py": "exec('import anything')",
    "other/test_compiled.py": "import re\nre.compile('x')",
    "other/test_broken.py": "def (",
    "other/test_relative.py": "from .. import support\nfrom ..api.test_a import NAME",
}
ALWAYS = {"conftest.py", "support/__init__.py", "support/fixtures.py", "support/clients.py"}


def files(path):
    return set(Dependences(SUITE).of(path).files)


def test_imports_conftest_files_and_plugins():
    pages = {"support/pages/__init__.py", "support/pages/cart.py"}
    assert files("api/test_a.py") == {"api/test_a.py", "api/conftest.py", *ALWAYS, *pages}
    assert files("other/test_b.py") == {"other/test_b.py", "other/conftest.py", *ALWAYS}


def test_relative_imports():
    assert {"api/test_a.py", "support/pages/cart.py"} <= files("other/test_relative.py")


@pytest.mark.parametrize("path", ["other/test_dynamic.py", "other/test_broken.py"])
def test_code_that_cannot_be_followed_depends_on_everything(path):
    assert files(path) == set(SUITE)


def test_a_compiled_pattern_is_no_code():
    assert files("other/test_compiled.py") == {"other/test_compiled.py", "other/conftest.py", *ALWAYS}


def test_names_of_variables_and_data():
    found = Dependences(SUITE).of("api/test_a.py")
    assert "SHOP_URL" in found.words
    assert found.reads("data/orders.csv")
    assert found.reads("answers/one.json")
    assert found.reads("api/test_a.snap")
    assert not found.reads("result.json")


def test_an_unknown_file_depends_on_nobody_knows_what():
    assert Dependences(SUITE).of("elsewhere.py") is None
