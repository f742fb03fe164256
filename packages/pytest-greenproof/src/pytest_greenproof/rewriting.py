"""pytest's own import hook, taught to count."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Optional, Sequence

from _pytest.assertion.rewrite import AssertionRewritingHook

from pytest_greenproof.imports import CountedImports, install_plainly


class CountingHook(AssertionRewritingHook):
    """pytest's own import hook, taught to count; the hook that is there becomes one."""

    # pytest treats hooks by the name of their module when it imports with
    # `--import-mode=importlib`.
    __module__ = AssertionRewritingHook.__module__
    _greenproof: CountedImports

    def find_spec(self, name: str, path: Optional[Sequence[Any]] = None, target: Any = None) -> Optional[ModuleSpec]:
        """Part of the import protocol."""
        spec = super().find_spec(name, path, target)
        if spec is None:
            return self._greenproof.find(name, path)
        counted = self._greenproof.refine(spec, self.config)
        if counted is not spec and spec.origin is not None:
            # Known as rewritten: or pytest warns that it came too late for
            # `register_assert_rewrite`.
            self._rewritten_names[name] = Path(spec.origin)
        return counted


def install(imports: CountedImports) -> None:
    """Count from now on."""
    for hook in sys.meta_path:
        if type(hook) is AssertionRewritingHook:
            counting: Any = hook
            counting.__class__ = CountingHook
            counting._greenproof = imports
            return
    install_plainly(imports)
