"""report.html: one page without a script or anything from elsewhere. All that attackers wrote is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from train.attack.attempt import Outcome, Tried
from train.attack.figure import draw
from train.attack.figures import Figures, Share
from train.attack.report import Report

WORST = 40
SHOWN = 400  # characters of a text
_SERIOUS: tuple[Outcome, ...] = ("bypass", "caught", "false_refusal")
_STYLE = """
:root{color-scheme:light dark;--ink:#222;--soft:#666;--line:#ddd;--mark:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#eee;--soft:#aaa;--line:#444;--mark:#56b4e9}}
body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--ink)}
table{border-collapse:collapse;width:100%;font-size:.9rem}caption{text-align:left;font-weight:600;padding:.5rem 0}
th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
svg{width:100%;font:13px sans-serif}svg text{fill:var(--ink)}svg .small{fill:var(--soft);font-size:11px}
.grid{stroke:var(--line)}.mark{stroke:var(--mark);fill:var(--mark);stroke-width:2.5}pre{white-space:pre-wrap}
"""
_MEASURES = {
    "guard_bypass": "Guard bypass: harmful attempts that the guard let through to the model",
    "end_to_end": "End to end: harmful attempts that got an answer",
    "false_refusals": "False refusals: benign attempts, disguised alike, that were refused",
    "lessons_first": "Lessons first: benign attempts that got a lesson before their answer",
}


def render(report: Report, tried: Sequence[Tried]) -> str:
    """The whole page."""
    body = [
        f"<h1>Red team: {escape(report.campaign)}</h1>", _summary(report),
        _measures(report.figures, report.before.figures if report.before else None),
        "<h2>Attack success by technique</h2>", "<p>End to end, with 95 % intervals.</p>",
        draw(report.figures.techniques), _techniques(report.figures), _garak(report), _worst(tried),
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><title>Red team: {escape(report.campaign)}</title><style>{_STYLE}</style>'
    viewport = '<meta name="viewport" content="width=device-width">'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}{viewport}</head><body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _summary(report: Report) -> str:
    log = {True: "The log alone gives the same figures.", False: "The log gives OTHER figures; do not rely on these.",
           None: "The log was not read."}[report.recomputed]  # fmt: skip
    rests = ", ".join(
        f"{kind} {' '.join(digest[:12] for digest in digests) or 'not told'}"
        for kind, digests in (("model", report.models), ("guard", report.guards), ("policy", report.policies))
    )
    return (
        f"<p>Profile {escape(report.profile)}, {escape(report.side.replace('_', ' '))} seeds and techniques; "
        f"{report.figures.attempts} attempts, {report.figures.errors} of them failed and counted nowhere. "
        f"{escape(rests)}. {log}</p><p><code>{escape(report.command)}</code></p>"
    )


def _measures(now: Figures, before: Figures | None) -> str:
    rows = [
        (text, _told(getattr(now, name)), _told(getattr(before, name)) if before else "no earlier campaign")
        for name, text in _MEASURES.items()
    ]
    return _table("In all", ("measure", "this campaign", "last campaign"), rows)


def _techniques(now: Figures) -> str:
    rows = [
        (each.technique, _told(each.guard_bypass), _told(each.end_to_end), _told(each.false_refusals))
        for each in sorted(now.techniques, key=lambda each: (-each.end_to_end.estimate.value, each.technique))
    ]
    return _table("By technique", ("technique", "guard bypass", "end to end", "false refusals"), rows)


def _garak(report: Report) -> str:
    rows = [(each.probe, str(each.prompts), str(each.hits)) for each in report.garak]
    return _table("As garak counts, by our verdict", ("probe", "prompts", "hits"), rows) if rows else ""


def _worst(tried: Sequence[Tried]) -> str:
    """Bypasses first, the guard's surest mistakes before others."""
    found = [each for each in tried if each.outcome in _SERIOUS]
    found.sort(key=lambda each: (_SERIOUS.index(each.outcome), each.answer.score or 0.0, each.attempt.id))
    rows = [
        f"<details><summary>{escape(each.outcome.replace('_', ' '))}: {escape(each.attempt.technique)}, "
        f"{escape(each.attempt.category)}, request {escape(each.answer.request_id or 'none')}</summary>"
        f"<pre>{escape(each.text[:SHOWN])}</pre></details>"
        for each in found[:WORST]
    ]
    return f"<h2>Worst cases</h2><p>{len(rows)} of {len(found)}; attempts.parquet has all.</p>" + "\n".join(rows)


def _told(share: Share) -> str:
    found = share.estimate
    if not share.n:
        return "none tried"
    return f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}] of {share.n}"


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"
