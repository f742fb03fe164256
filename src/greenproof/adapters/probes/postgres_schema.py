"""The schema of a PostgreSQL database as plain lines: the same schema gives the same lines, on every machine.

Read from the catalogue of the server, with what migration tools say is applied. Left out: what belongs to the server
itself, to an extension or to a session alone. Names are written in full, whatever the search path is.
"""

import asyncio
from collections.abc import Mapping

from greenproof.adapters.probes.migration_records import applied
from greenproof.adapters.probes.postgres import PostgresAddress, PostgresSession

type Schema = Mapping[str, str]
"""`column public.orders.note` to `text not null`."""

READ_TIMEOUT = 20.0
"""Seconds."""
SETTLE_TIMEOUT = 10.0
"""Seconds for which a session that still changes the schema is waited for."""
_LARGEST = 100_000
_PAUSE_S = 0.05

_COLUMN = """format_type(a.atttypid, a.atttypmod)
  || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
  || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  || CASE a.attidentity WHEN '' THEN '' ELSE ' identity ' || a.attidentity::text END
  || CASE a.attgenerated WHEN '' THEN '' ELSE ' generated' END
  || CASE WHEN a.attcollation = t.typcollation THEN '' ELSE ' collate ' || coalesce(l.collname, '') END"""

_RELATION = """CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) WHEN 'm' THEN pg_get_viewdef(c.oid)
  WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(c.oid) ELSE '' END
  || CASE WHEN c.relispartition THEN ' partition ' || coalesce(pg_get_expr(c.relpartbound, c.oid), '') ELSE '' END
  || CASE c.relpersistence WHEN 'u' THEN ' unlogged' ELSE '' END
  || CASE WHEN c.relrowsecurity THEN ' row security' ELSE '' END"""

_LINES = f"""
WITH spaces AS (
  SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), relations AS (
  SELECT c.*, n.nspname FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
  WHERE NOT EXISTS (SELECT 1 FROM pg_depend e
    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
), found AS (
  SELECT 'schema ' || nspname AS name, '' AS said FROM spaces
  UNION ALL
  SELECT 'extension ' || extname, extversion FROM pg_extension
  UNION ALL
  SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence '
    WHEN 'f' THEN 'foreign table ' WHEN 'c' THEN 'type ' ELSE 'table ' END || nspname || '.' || relname, {_RELATION}
  FROM relations c WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  UNION ALL
  SELECT 'column ' || c.nspname || '.' || c.relname || '.' || a.attname, {_COLUMN}
  FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  LEFT JOIN pg_collation l ON l.oid = a.attcollation
  WHERE c.relkind IN ('r', 'p', 'f', 'c', 'm')
  UNION ALL
  SELECT 'constraint ' || c.nspname || '.' || c.relname || '.' || k.conname,
    pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE ' not validated' END
  FROM relations c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype <> 'n'
  UNION ALL
  SELECT 'index ' || c.nspname || '.' || i.relname,
    pg_get_indexdef(x.indexrelid) || CASE WHEN x.indisvalid THEN '' ELSE ' not valid' END
  FROM relations c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
  UNION ALL
  SELECT 'trigger ' || c.nspname || '.' || c.relname || '.' || g.tgname, pg_get_triggerdef(g.oid)
  FROM relations c JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal
  UNION ALL
  SELECT 'policy ' || c.nspname || '.' || c.relname || '.' || p.polname, p.polcmd::text || ' '
    || coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')
  FROM relations c JOIN pg_policy p ON p.polrelid = c.oid
  UNION ALL
  SELECT 'type ' || n.nspname || '.' || t.typname,
    'enum ' || (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
      FROM pg_enum WHERE enumtypid = t.oid)
  FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace WHERE t.typtype = 'e'
  UNION ALL
  SELECT 'type ' || n.nspname || '.' || t.typname, 'domain ' || format_type(t.typbasetype, t.typtypmod)
    || CASE WHEN t.typnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || t.typdefault, '')
    || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(oid), '' ORDER BY conname)
      FROM pg_constraint WHERE contypid = t.oid), '')
  FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace WHERE t.typtype = 'd'
  UNION ALL
  SELECT 'function ' || n.nspname || '.' || f.proname || '(' || pg_get_function_identity_arguments(f.oid) || ')',
    CASE f.prokind WHEN 'a' THEN 'aggregate' ELSE md5(pg_get_functiondef(f.oid)) END
  FROM pg_proc f JOIN spaces n ON n.oid = f.pronamespace
  WHERE NOT EXISTS (SELECT 1 FROM pg_depend e
    WHERE e.classid = 'pg_proc'::regclass AND e.objid = f.oid AND e.deptype = 'e')
)
SELECT name, CASE WHEN length(said) > 1000 THEN 'md5 ' || md5(said) ELSE said END FROM found LIMIT {_LARGEST}
"""  # noqa: S608 - nothing in it comes from outside

_AT_WORK = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
  AND l.locktype = 'relation' AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock',
    'ShareLock', 'ShareUpdateExclusiveLock')
"""


async def read_schema(address: PostgresAddress, *, settled: bool = False) -> Schema:
    """The schema now. With `settled`, a session that is just changing it is waited for: the client of one that was
    killed is gone before its last statement is. Raises OSError, TimeoutError, EOFError or PostgresRefused.
    """
    async with asyncio.timeout(READ_TIMEOUT), PostgresSession(address) as session:
        await session.query("SET search_path = pg_catalog")
        if settled:
            await _settle(session)
        rows = await session.query(_LINES)
        records = await applied(session)
    lines = {str(name): str(said or "").strip() for name, said in rows}
    return dict(sorted({**lines, **records}.items()))


async def _settle(session: PostgresSession) -> None:
    deadline = asyncio.get_running_loop().time() + SETTLE_TIMEOUT
    # Polls: PostgreSQL tells nobody when a lock is given back.
    while (await session.query(_AT_WORK))[0][0] != "0":
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(_PAUSE_S)
