"""The environment in which a test command meets the witness, with nothing installed there."""

import hashlib
import importlib.util
import os
import shlex
import ssl
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from greenproof.model.errors import RunnerError

PLUGIN = "pytest_greenproof"
UNITTEST = f"{PLUGIN}.unittest_main"
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE")
# Node adds this file to its own certificates instead of replacing them.
CA_EXTRA_VARIABLE = "NODE_EXTRA_CA_CERTS"
_CACHE_FLAGS = (
    "--lf",
    "--last-failed",
    "--ff",
    "--failed-first",
    "--nf",
    "--new-first",
    "--sw",
    "--stepwise",
    "--cache",
)


def plugin_folder(cache: Path) -> Path:
    """A folder that holds the plugin package and nothing else, so that PYTHONPATH shows the tests nothing of ours."""
    spec = importlib.util.find_spec(PLUGIN)
    if spec is None or spec.origin is None:
        raise RunnerError(
            "the package pytest-greenproof is missing",
            code="plugin-missing",
            where=sys.prefix,
            expected="it is installed beside greenproof",
            hint="install greenproof again: pip install --force-reinstall greenproof",
        )
    source = Path(spec.origin).parent
    files = sorted(p for p in source.rglob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(source).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    home = cache / f"plugin-{digest.hexdigest()[:16]}"
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        # Copied beside and renamed: a run that is cut off leaves no half plugin.
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            copy = Path(scratch) / "plugin"
            for file in files:
                place = copy / PLUGIN / file.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read_bytes())
            try:
                copy.rename(home)
            except OSError:
                if not home.is_dir():
                    raise
    return home


def witnessed_environment(
    base: Mapping[str, str],
    *,
    plugin: Path,
    control: str,
    addresses: Mapping[str, str],
    bundle: Path | None,
    command: Sequence[str],
    fault_run: bool,
) -> dict[str, str]:
    """The environment for one run: the user's own, plus the plugin, the relay's addresses and its CA."""
    environment = dict(base)
    environment["PYTHONPATH"] = os.pathsep.join(p for p in (str(plugin), base.get("PYTHONPATH", "")) if p)
    options = [base.get("PYTEST_ADDOPTS", ""), "-p", f"{PLUGIN}.plugin"]
    if fault_run and not any(token.startswith(_CACHE_FLAGS) for token in _words(base, command)):
        # Reds that we cause must not end up in the user's "last failed".
        options += ["-p", "no:cacheprovider"]
    environment["PYTEST_ADDOPTS"] = " ".join(option for option in options if option)
    environment["GREENPROOF_CONTROL"] = control
    environment.update(addresses)
    if bundle is not None:
        environment.update(dict.fromkeys((*CA_VARIABLES, CA_EXTRA_VARIABLE), str(bundle)))
    return environment


def witnessed_command(command: Sequence[str]) -> list[str]:
    """The command with our module in the place of `unittest` after `-m`, which has no plugins; else as it is."""
    words = list(command)
    for number in range(len(words) - 1):
        if words[number] == "-m" and words[number + 1] == "unittest":
            words[number + 1] = UNITTEST
            break
    return words


def _words(base: Mapping[str, str], command: Sequence[str]) -> list[str]:
    try:
        return [*command, *shlex.split(base.get("PYTEST_ADDOPTS", ""))]
    except ValueError:
        return list(command)


def own_bundle(base: Mapping[str, str]) -> Path | None:
    """The certificates that the user's variables trust: a target with a private CA is verified by them, as by the
    tests themselves. None: those of the system.
    """
    named = (Path(base[name]) for name in CA_VARIABLES if base.get(name))
    return next((path.resolve() for path in named if path.is_file()), None)


def merged_bundle(base: Mapping[str, str], ca: Path, folder: Path) -> Path:
    """One file with the relay's CA and every certificate that the user's variables (else the system) trust."""
    sources = [Path(base[name]) for name in (*CA_VARIABLES, CA_EXTRA_VARIABLE) if base.get(name)]
    if not any(base.get(name) for name in CA_VARIABLES):
        default = ssl.get_default_verify_paths()
        sources += [Path(p) for p in (default.cafile, default.openssl_cafile) if p]
    parts = [ca.read_bytes()]
    parts += [source.read_bytes() for source in dict.fromkeys(sources) if source.is_file()]
    folder.mkdir(parents=True, exist_ok=True)
    bundle = folder / "certificates.pem"
    bundle.write_bytes(b"\n".join(parts))
    return bundle
