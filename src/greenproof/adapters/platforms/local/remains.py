"""What stays of a side release that has ended: its logs, for a while. Everything else goes."""

import contextlib
import re
import shutil

from greenproof.adapters.platforms.local.dependencies.postgres import forget
from greenproof.adapters.platforms.local.layout import Layout

LOGS_KEPT = 8
"""Of so many side releases, the newest."""
_HIDDEN = "."
_IDENTITY = re.compile(r"[0-9a-f]{32}")


def discard(layout: Layout) -> None:
    """Remove the folder of a side release of which nothing runs any more. Whoever comes second finds nothing to do."""
    doomed = layout.folder.with_name(f"{_HIDDEN}{layout.folder.name}")
    try:
        # From here on nobody finds it, and nobody can start anything in it.
        layout.folder.rename(doomed)
    except OSError:
        return
    remove(Layout(layout.name, doomed))


def remove(doomed: Layout) -> None:
    """Remove a folder that is out of the way."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if _IDENTITY.fullmatch(identity := doomed.environment_id()):
            forget(identity)
    environment = Layout("", doomed.folder.parent.parent)
    with contextlib.suppress(OSError):
        environment.ended.mkdir(exist_ok=True)
        doomed.logs.rename(environment.ended / doomed.folder.name.lstrip(_HIDDEN))
        logs = sorted(environment.ended.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for old in logs[:-LOGS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(doomed.folder, ignore_errors=True)


def half_removed(environment: Layout) -> list[Layout]:
    """Folders whose removal was cut off."""
    found = environment.sides.glob(f"{_HIDDEN}*") if environment.sides.is_dir() else ()
    return [Layout("", folder) for folder in sorted(found) if folder.is_dir()]
