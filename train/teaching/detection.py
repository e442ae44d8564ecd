"""Family 5: how a defender would notice something: analytics of ATT&CK, rules of Sigma, the logs that they need."""

import re
from collections.abc import Iterator

from train.records import Predicate, Record
from train.teaching import names
from train.teaching.author import Author, Draft, Part, Prose, Verbatim
from train.teaching.knowledge import Link
from train.teaching.prose import closed, excerpt, listed, plain
from train.teaching.relations import choose, endings
from train.teaching.split import may_name, number

_LONGEST_LOGIC = 1200
_SOURCE_FIELDS = {"category": "{} events", "product": "of the product {}", "service": "of the service {}"}


def drafts(author: Author, record: Record) -> Iterator[Draft]:
    """Pairs about noticing a technique, about a rule, about a kind of log."""
    made: list[Draft | None] = []
    if record.kind == "technique":
        made = [*_noticed(author, record), _rules_for(author, record)]
    elif record.kind == "rule":
        made = _rule(author, record)
    elif record.kind == "data_component":
        made = [_component(author, record)]
    yield from (draft for draft in made if draft)


def analytics(author: Author, technique: Record) -> list[tuple[Record, list[tuple[Record, Link]]]]:
    """The detection strategies of a technique, each with its analytics."""
    found = author.knowledge.into(technique.id, Predicate.detects, "detection_strategy")
    return [(each, author.knowledge.into(each.id, Predicate.part_of, "analytic")) for each, _ in found]


def watched(parts: list[tuple[Record, Link]], most: int = 4) -> Part:
    """One line for each analytic: its platforms and what it looks for."""
    pieces: list[str] = []
    for analytic, _ in parts[:most]:
        text = excerpt(analytic.text, 3, 600) or closed(plain(analytic.text).replace("\n", " ")[:600])
        pieces += [f"\n- {watched_on(analytic)}: ", Prose(text)] if text else []
    return tuple(pieces)


def watched_on(analytic: Record) -> str:
    """An analytic and the platforms it is for."""
    platforms = [each for each in analytic.facts.get("platform", ()) if each not in {"None", "PRE"}]
    return f"{analytic.id}, {listed(platforms)}" if platforms else analytic.id


def _noticed(author: Author, record: Record) -> Iterator[Draft | None]:
    for strategy, parts in analytics(author, record):
        watch = watched(parts)
        if not watch:
            continue
        logs = list(dict.fromkeys(log for part, _ in parts[:4] for log in _logs(part)))
        said = f"\n\nLog sources: {', '.join(logs[:6])}." if logs else ""
        touched = [strategy, *(part for part, _ in parts[:4])]
        links = [link for _, link in parts[:4]]
        called = f"the strategy {names.name(strategy, author.knowledge)}"
        yield author.draft(
            "detection.analytic", record, {"strategy": called, "watch": watch, "logs": said}, touched, links
        )
        tunable = [part for part, _ in parts if part.facts.get("mutable")]
        if tunable:
            part = tunable[number("tuning", record.id) % len(tunable)]
            knobs = [piece for knob in part.facts["mutable"][:5] for piece in _knob(knob)]
            yield author.draft(
                "detection.tuning", record, {"analytic": part.id, "knobs": tuple(knobs)}, [strategy, part]
            )


def _logs(part: Record) -> list[str]:
    """Names of log sources without the channel, which may be a search expression."""
    return [log.split(": ")[0].strip().removesuffix(":") for log in part.facts.get("log_source", ())]


def _knob(text: str) -> tuple[str, ...]:
    """A line on what can be tuned. The name is no part of the published text: beside a colon it looks like a secret."""
    name, _, meaning = text.partition(": ")
    said = closed(plain(meaning).replace("\n", " "))
    return (f"\n- {name}: ", Prose(said)) if said else (f"\n- {name}.",)


def log_source(rule: Record) -> str:
    """The log source of a rule in words."""
    given = dict(part.partition(": ")[::2] for part in rule.facts.get("logsource", ()))
    said = [words.format(f'"{given[field]}"') for field, words in _SOURCE_FIELDS.items() if given.get(field)]
    return " ".join(said if given.get("category") else ["logs", *said]) if said else "logs"


def described(rule: Record) -> str:
    """The purpose of a rule; empty where its author gave none worth repeating."""
    text = excerpt(closed(plain(rule.text).split("\n")[0]), 3, 500)
    return text if len(text) >= 30 else ""


def alarms(rule: Record) -> Part:
    """What sets a rule off by mistake, with a blank before it."""
    given = [closed(plain(each).replace("\n", " ")) for each in rule.facts.get("false_positive", ())]
    known = [each for each in given if len(each) > 12 and not re.match(r"(?i)unknown|unlikely|none\b", each)]
    return (" Known false positives: ", Prose(" ".join(known[:3]))) if known else ""


def _rule(author: Author, record: Record) -> list[Draft | None]:
    what, logic = described(record), record.facts.get("logic", ("",))[0].strip()
    if not what or not logic or len(logic) > _LONGEST_LOGIC:
        return []
    found = author.knowledge.out(record.id, Predicate.detects, "technique")
    techniques = [(each, link) for each, link in found if may_name(record, each)][:3]
    called = listed(names.every([each for each, _ in techniques], author.knowledge)) if techniques else ""
    slots: dict[str, Part] = {
        "what": Prose(what), "logic": Verbatim(logic), "source": log_source(record), "alarms": alarms(record),
        "level": record.facts.get("level", ("not stated",))[0], "covers": f" It covers {called}." if called else "",
    }  # fmt: skip
    others, links = [each for each, _ in techniques], [link for _, link in techniques]
    forms = ("detection.rule", "detection.read_logic")
    return [author.draft(forms[number("rule", record.id) % 2], record, slots, others, links)]


def _rules_for(author: Author, record: Record) -> Draft | None:
    found = author.knowledge.into(record.id, Predicate.detects, "rule")
    named = choose(record, found, 6)
    if not named:
        return None
    rules = "".join(f'\n- "{each.name}" ({log_source(each)})' for each, _ in named)
    return author.draft(
        "detection.rules_for",
        record,
        {"rules": rules, **endings(len(found), len(named))},
        [each for each, _ in named],
        [link for _, link in named],
    )


def _component(author: Author, record: Record) -> Draft | None:
    text, logs = excerpt(record.text, 2, 500), record.facts.get("log_source", ())
    named = list(dict.fromkeys(log.split(": ")[0] for log in logs))[:8]
    if not text or not named or not names.published(record):
        return None
    return author.draft(
        "detection.component", record, {"text": Prose(text), "logs": "".join(f"\n- {each}" for each in named)}
    )
