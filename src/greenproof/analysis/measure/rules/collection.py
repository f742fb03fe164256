"""What pytest is told: which files, names and folders it looks at, which tests it leaves out, which hooks decide."""

import ast
from collections.abc import Iterator, Sequence
from hashlib import sha256

from greenproof.analysis.measure.kinds import note, weakened
from greenproof.analysis.measure.reaching import Comparison
from greenproof.analysis.measure.shapes import last, shown
from greenproof.analysis.measure.suite import MODULE, Function
from greenproof.model.measure import MeasureFinding, Place

RULE = weakened(
    "collection-changed",
    "pytest is told otherwise which files, names or folders hold tests.",
    "python_files = check_*.py, testpaths without a folder that was in it, a folder more in norecursedirs",
    "Undo it, or show that the same ids are collected and accept the finding.",
)
OPTION = weakened(
    "option-added",
    "pytest gets an option that leaves tests out, stops early, hides failures or tries again.",
    "addopts = \"-k 'not slow'\", --ignore, --deselect, -p no:..., --lf, --reruns",
    "Remove the option; what is not run is not green.",
)
IGNORED = weakened(
    "collect-ignore-added",
    "A conftest file keeps files from being collected.",
    'collect_ignore = ["test_refunds.py"]',
    "Let pytest collect the file.",
)
HOOK = weakened(
    "hook-changed",
    "A conftest file has a new hook, or another one, that decides what is collected, run or reported.",
    "def pytest_collection_modifyitems(items): items[:] = items[:1]",
    "Remove the hook, or accept it after somebody has read it.",
)
SETTING = note(
    "setting-changed",
    "pytest has another setting.",
    "filterwarnings, markers, log_level",
    "Nothing, if it was meant.",
)
KINDS = (RULE, OPTION, IGNORED, HOOK, SETTING)

_GROWING = frozenset({"python_files", "python_functions", "python_classes"})
_SAFE = frozenset({
    "-q", "-qq", "-v", "-vv", "-vvv", "-ra", "-rA", "-rfE", "-s", "--verbose", "--quiet", "--strict-markers", "-l",
    "--strict-config", "--strict", "--showlocals", "--color=yes", "--color=no", "--no-header", "--no-summary",
    "--doctest-modules",
})  # fmt: skip
_SAFE_STARTS = ("--tb", "--durations", "--junit", "--cov", "--color", "--log", "--html", "--basetemp", "--import-mode",
    "-n", "--dist", "--rootdir", "--timeout", "--strict", "--asyncio-mode", "--capture", "-W", "-r")  # fmt: skip
_SHARP = frozenset({"xfail_strict", "strict", "timeout"})
_HOOKS = (
    "pytest_collection", "pytest_collect", "pytest_ignore_collect", "pytest_pycollect", "pytest_itemcollected",
    "pytest_runtest", "pytest_pyfunc_call", "pytest_report", "pytest_sessionfinish", "pytest_sessionstart",
    "pytest_terminal", "pytest_exception", "pytest_generate_tests", "pytest_deselected", "pytest_assertrepr",
    "pytest_configure", "pytest_cmdline", "pytest_load_initial", "pytest_fixture", "pytest_make", "pytest_unconfigure",
)  # fmt: skip


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Settings, then conftest files."""
    past, present = comparison.before.measure, comparison.after.measure
    for folder in sorted(set(past.settings) | set(present.settings)):
        if folder and not any(f.path.startswith(f"{folder}/") for f in comparison.before.tests.values()):
            # A folder of new tests may be told what it likes.
            continue
        before, after = past.settings.get(folder, {}), present.settings.get(folder, {})
        where = f"{folder or '.'}: pytest"
        for key in sorted(set(before) | set(after)):
            if before.get(key) != after.get(key):
                yield from _setting(key, before.get(key), after.get(key), f"{where}.{key}", Place(folder or "."))
    yield from _ignored(comparison)
    yield from _hooks(comparison)


def _setting(
    key: str, before: Sequence[str] | None, after: Sequence[str] | None, subject: str, place: Place
) -> Iterator[MeasureFinding]:
    was, now = (" ".join(side) if side is not None else "not set" for side in (before, after))
    if key == "addopts":
        yield from _options(before or (), after or (), subject, place)
    elif key in _GROWING or key == "testpaths":
        # More patterns collect more. A first one takes the default's place; no `testpaths` means everything.
        if (
            before is None
            or (after is not None and not set(before) <= set(after))
            or (after is None and key in _GROWING)
        ):
            yield RULE.finding(subject, place, was=was, now=now)
    elif key in ("norecursedirs", "collect_ignore", "collect_ignore_glob"):
        if set(after or ()) - set(before or ()):
            yield RULE.finding(subject, place, was=was, now=now)
    elif key in _SHARP:
        yield from [] if _stricter(key, before, after) else [OPTION.finding(subject, place, was=was, now=now)]
    else:
        yield SETTING.finding(subject, place, was=was, now=now)


def _stricter(key: str, before: Sequence[str] | None, after: Sequence[str] | None) -> bool:
    old, new = (side[0].lower() if side else "" for side in (before, after))
    if key == "timeout":
        try:
            return bool(new) and (not old or float(new) <= float(old))
        except ValueError:
            return False
    return new in ("true", "1", "yes", "on")


def _options(before: Sequence[str], after: Sequence[str], subject: str, place: Place) -> Iterator[MeasureFinding]:
    was, now = " ".join(before) or "none", " ".join(after) or "none"
    left = list(_joined(before))
    new = []
    for option in _joined(after):
        if option in left:
            left.remove(option)
        else:
            new.append(option)
    if any(_leaves_out(option) for option in new) or any(option.startswith("--strict") for option in left):
        yield OPTION.finding(subject, place, was=was, now=now)
    elif new or left:
        yield SETTING.finding(subject, place, was=was, now=now)


def _joined(options: Sequence[str]) -> Iterator[str]:
    """Each option with its value: `-k 'not slow'` is one."""
    held = ""
    for token in options:
        if held and not token.startswith("-"):
            yield f"{held} {token}"
            held = ""
            continue
        if held:
            yield held
        held = ""
        if token in ("-k", "-m", "-p", "-o", "-c", "-W", "-n", "--ignore", "--deselect", "--ignore-glob"):
            held = token
        else:
            yield token
    if held:
        yield held


def _leaves_out(option: str) -> bool:
    return option not in _SAFE and not option.startswith(_SAFE_STARTS)


def _ignored(comparison: Comparison) -> Iterator[MeasureFinding]:
    """`collect_ignore`, `pytest_plugins` and `__test__` on the level of a module."""
    for id_, new in comparison.after.functions.items():
        if not id_.endswith(MODULE):
            continue
        old = comparison.before.functions.get(comparison.matches.back.get(id_, ""))
        known = dict(_assigned(old)) if old is not None else {}
        for name, value in _assigned(new):
            if known.get(name) is None or shown(known[name]) != shown(value):
                was = shown(known[name]) if name in known else "not there"
                yield IGNORED.finding(new.id, Place(new.path, value.lineno), was=was, now=f"{name} = {shown(value)}")


def _assigned(function: Function) -> Iterator[tuple[str, ast.expr]]:
    for part in function.body:
        for node in ast.walk(part):
            if isinstance(node, ast.Assign | ast.AugAssign):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if last(target) in ("collect_ignore", "collect_ignore_glob"):
                        yield last(target), node.value
            elif isinstance(node, ast.Call) and last(node.func) in ("append", "extend", "insert") and node.args:
                owner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
                if last(owner) in ("collect_ignore", "collect_ignore_glob"):
                    yield f"{last(owner)}.{last(node.func)}", node.args[-1]


def _hooks(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Hooks of conftest files and plugins of the suite."""
    for new in comparison.after.functions.values():
        hooked = any("hookimpl" in shown(d) for d in new.decorators)
        if new.node is None or new.test or not (hooked or new.last.startswith(_HOOKS)):
            continue
        old = comparison.before.functions.get(comparison.matches.back.get(new.id, ""))
        if old is None or old.digest != new.digest:
            was = _told(old) if old is not None else "not there"
            now = _told(new)
            yield HOOK.finding(new.id, Place(new.path, new.line), was=was, now=now)


def _told(function: Function) -> str:
    text = "; ".join(shown(statement) for statement in function.body)
    # Two long hooks that begin alike are two, and so are their findings.
    return (
        text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... #{sha256(function.digest.encode()).hexdigest()[:8]}"
    )


_LONGEST = 300
