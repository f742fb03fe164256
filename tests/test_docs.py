"""The documentation says what the program does."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "errors.md", "measure-findings.md", "reasons.md"])
def test_reference_pages_are_those_of_the_program(name: str) -> None:
    pages = {path.name: text for path, text in reference().pages().items()}
    written = (ROOT / "docs" / name).read_text("utf-8")
    assert written == pages[name], "run: .venv/bin/python scripts/reference.py"


def test_every_folder_of_the_package_is_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    folders = [p.name for p in (ROOT / "src" / "greenproof").iterdir() if (p / "__init__.py").exists()]
    assert [f for f in folders if f"`{f}/`" not in text] == []
    assert len(text.splitlines()) < 80


def test_every_link_of_the_documents_leads_somewhere() -> None:
    import re

    broken = []
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/apex/*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
            if "://" not in link and not (document.parent / link).exists():
                broken.append(f"{document.name}: {link}")
    assert broken == []
