"""What a migrated database consists of, as text: compared with `catalogue.txt` to find what migrations did not do.

Alembic compares tables and columns only. This goes over everything else that isolation rests on: checks, policies,
privileges, owners, functions and their settings. The text is the same on every supported version of PostgreSQL.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import asyncpg

SNAPSHOT = Path(__file__).with_name("catalogue.txt")

# NOT NULL is shown with the column: since PostgreSQL 18 it is a constraint as well, and since 17 MAINTAIN is a
# privilege of the owner; neither is a difference of ours. What belongs to an extension is the extension's affair.
_QUERIES = (
    (
        "extension",
        "select extname from pg_extension where extname <> 'plpgsql' order by 1",
    ),
    (
        "table",
        """
        select c.relname || case c.relkind when 'r' then '' else ' kind ' || c.relkind::text end
               || ' owner ' || pg_get_userbyid(c.relowner)
               || case when c.relrowsecurity then ' rls' else '' end
               || case when c.relforcerowsecurity then ' forced' else '' end
               || coalesce(' with ' || array_to_string(c.reloptions, ','), '')
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        order by 1
        """,
    ),
    (
        "column",
        """
        select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
               || case when a.attnotnull then ' not null' else '' end
               || case a.attidentity when 'a' then ' identity always' when 'd' then ' identity' else '' end
               || coalesce(case when a.attgenerated = '' then ' default ' else ' generated ' end
                           || pg_get_expr(d.adbin, d.adrelid), '')
               || case when a.attcollation = t.typcollation then ''
                       else ' collation ' || a.attcollation::regcollation end
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v')
        join pg_type t on t.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
        order by 1
        """,
    ),
    (
        "constraint",
        """
        select conrelid::regclass || ' ' || conname::text || ' ' || pg_get_constraintdef(oid)
        from pg_constraint
        where connamespace = 'public'::regnamespace and contype <> 'n' and conrelid <> 0
        order by 1
        """,
    ),
    (
        "index",
        "select indexdef from pg_indexes where schemaname = 'public' order by 1",
    ),
    (
        "policy",
        """
        select polrelid::regclass || ' ' || polname || case when polpermissive then '' else ' restrictive' end
               || ' for ' || polcmd::text
               || ' to ' || coalesce(nullif(array_to_string(array(
                    select rolname from pg_roles where oid = any (polroles) order by 1), ','), ''), 'public')
               || coalesce(' using ' || pg_get_expr(polqual, polrelid), '')
               || coalesce(' with check ' || pg_get_expr(polwithcheck, polrelid), '')
        from pg_policy
        order by 1
        """,
    ),
    (
        "privilege",
        """
        select what || ' ' || case grantee when 0 then 'public' else pg_get_userbyid(grantee) end
               || ' ' || string_agg(privilege_type || case when is_grantable then '*' else '' end, ','
                                    order by privilege_type)
        from (
          select c.relname as what, acl.*
          from pg_class c, aclexplode(c.relacl) acl
          where c.relnamespace = 'public'::regnamespace and acl.grantee <> c.relowner
          union all
          select c.relname || '.' || a.attname, acl.*
          from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) acl
          where c.relnamespace = 'public'::regnamespace and acl.grantee <> c.relowner
          union all
          select p.oid::regprocedure::text, acl.*
          from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
          where p.pronamespace = 'public'::regnamespace and acl.grantee <> p.proowner
            and not exists (
              select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
        ) x
        group by what, grantee
        order by 1
        """,
    ),
    (
        "function",
        """
        select p.oid::regprocedure::text || ' returns ' || pg_get_function_result(p.oid)
               || ' language ' || l.lanname || ' owner ' || pg_get_userbyid(p.proowner)
               || ' ' || case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end
               || case when p.proisstrict then ' strict' else '' end
               || ' parallel ' || p.proparallel::text
               || case when p.proleakproof then ' leakproof' else '' end
               || case when p.prosecdef then ' security definer' else '' end
               || coalesce(' set ' || array_to_string(p.proconfig, '; '), '')
               || ' body ' || md5(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc))
        from pg_proc p join pg_language l on l.oid = p.prolang
        where p.pronamespace = 'public'::regnamespace
          and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
        order by 1
        """,
    ),
    (
        "trigger",
        "select tgrelid::regclass || ' ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by 1",
    ),
)


async def describe(connection: asyncpg.Connection) -> str:
    """The catalogue of the database `connection` is on, one line an object."""
    lines: list[str] = []
    for kind, query in _QUERIES:
        lines += sorted(f"{kind} {' '.join(row[0].split())}" for row in await connection.fetch(query))
    return "\n".join(lines) + "\n"


def drift(actual: str) -> list[str]:
    """The lines by which a catalogue differs from the committed one: `+` is too much, `-` is missing."""
    lines = difflib.unified_diff(SNAPSHOT.read_text().splitlines(), actual.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
