"""From a definition to a report: ask the log, then verify it, then lay out the answers."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from audit.errors import QueryRefused
from audit.query import Asker
from audit.reports import definition, integrity
from audit.reports.asking import Row, ask_all
from audit.reports.definition import ColumnOf, Definition, SectionOf
from audit.reports.evidence import Given, rows_at
from audit.reports.laying import laid
from audit.reports.period import Period
from audit.reports.report import Absent, Evidence, Maker, Report, Section

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
POLICIES, NAMED = "policies in force", "evidence named"
READER = "audit.report"

Asked = Mapping[str, list[Row] | str]

_POLICIES = SectionOf(
    heading="Policies in force",
    says="The policy, guard and terms that the log put in force last before the period, and in it.",
    sql="""with policies as (
        select
            ts, field(leaf, 'policy_digest') as policy_digest, field(leaf, 'guard_digest') as guard_digest,
            field(leaf, 'terms_digest') as terms_digest
        from stored where kind = 'policy' and ts < $end
    )
    from policies where ts >= coalesce((select max(ts) from policies where ts <= $start), '-infinity'::timestamptz)
    order by ts""",
    columns=(
        ColumnOf(name="ts", heading="In force from", unit="time"),
        ColumnOf(name="policy_digest", heading="Policy"),
        ColumnOf(name="guard_digest", heading="Guard"),
        ColumnOf(name="terms_digest", heading="Terms"),
    ),
)


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: which report, of which root and period, with what from outside."""

    name: str
    root: str | Path
    period: Period
    evidence: Sequence[Given] = ()
    keys: Path | None = None
    verifier_key: Path | None = None
    checkpoints: Sequence[Path] = ()


def build(order: Order, say: Callable[[str], None]) -> Report:
    """The report. BadOrder, BadKeys, audit.verify.Unreadable; QueryRefused if a log that verifies gives no answer."""
    wanted, digest = definition.read(order.name)
    asker = Asker(order.root, order.keys, READER, f"report {order.name}")
    say("asking the log")
    asked = ask_all(asker, _questions(wanted, order))
    say("verifying the log")
    proof = integrity.check(order.root, order.verifier_key, order.checkpoints)
    if proof.valid and (reasons := [found for found in asked.values() if isinstance(found, str)]):
        raise QueryRefused(reasons[0])
    given = {one.name: one for one in order.evidence}
    lacking = tuple(Absent(one.file, one.holds) for one in wanted.evidence if one.file not in given)
    return Report(
        order.name, wanted.number, wanted.title, wanted.purpose.strip(), order.period,
        Maker(_version(), digest, datetime.now(UTC)), proof, laid(_POLICIES, asked[POLICIES]),
        tuple(_section(part, asked, given, str(at)) for at, part in enumerate(wanted.sections)),
        _shown(wanted, order.evidence, asked[NAMED]), lacking,
    )  # fmt: skip


def _questions(wanted: Definition, order: Order) -> dict[str, str]:
    parts = {str(at): part.sql for at, part in enumerate(wanted.sections) if part.sql is not None}
    parts[POLICIES] = _POLICIES.sql or ""
    parts[NAMED] = _naming([one.sha256 for one in order.evidence])
    return {name: order.period.fill(sql) for name, sql in parts.items()}


def _naming(digests: Sequence[str]) -> str:
    """Which kinds of record name these; only kinds in which nobody but the system and its operators names any."""
    each = [
        f"""select '{digest}' as sha256, kind from stored
        where kind in ('policy', 'promotion', 'dataset', 'run', 'gate')
            and contains((json_of(leaf) -> '$.fields')::varchar, '{digest}')
        group by kind"""  # noqa: S608 - hex digits
        for digest in digests
    ]
    return " union all ".join(["select '' as sha256, '' as kind where false", *each])


def _section(part: SectionOf, asked: Asked, given: Mapping[str, Given], at: str) -> Section:
    if part.sql is not None:
        return laid(part, asked[at])
    if part.missing is not None:
        return laid(part, f"not recorded: {part.missing.strip()}")
    if part.data is not None:
        rows: list[Row] = yaml.safe_load((definition.CATALOGUE.parent / part.data).read_bytes())
        return laid(part, rows)
    file = given.get(part.evidence or "")
    if file is None:
        return laid(part, f"absent: {part.evidence} was not given as evidence")
    try:
        return laid(part, rows_at(file.data, part.at))
    except (ValueError, RecursionError) as error:
        return laid(part, f"{part.evidence} does not hold this: {error}")


def _shown(wanted: Definition, files: Sequence[Given], named: list[Row] | str) -> tuple[Evidence, ...]:
    asked_for = {one.file: one.holds for one in wanted.evidence}
    kinds: dict[str, list[str]] = {}
    for row in [] if isinstance(named, str) else named:
        kinds.setdefault(row["sha256"], []).append(row["kind"])
    return tuple(
        Evidence(one.name, one.sha256, one.data, tuple(sorted(kinds.get(one.sha256, ()))), asked_for.get(one.name))
        for one in files
    )


def _version() -> str:
    return str(tomllib.loads(PYPROJECT.read_text())["project"]["version"])
