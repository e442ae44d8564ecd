"""Whose turn it is, held against what fair means: tenants in turn, within a tenant its people in turn."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.limiting.lines import Lines

Ticket = tuple[str, str, int]
JOINS = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz")), max_size=30)
SERVE = None
ACTS = st.lists(st.one_of(st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz")), st.just(SERVE)), max_size=60)


def filled(joins: list[tuple[str, str]]) -> Lines[Ticket]:
    lines: Lines[Ticket] = Lines()
    for number, (tenant, person) in enumerate(joins):
        lines.join(tenant, person, (tenant, person, number))
    return lines


def drained(lines: Lines[Ticket]) -> list[Ticket]:
    served = []
    while ticket := lines.serve():
        served.append(ticket)
    return served


class Turns:
    """Counts how often two who wait without a break were served; more than one apart is unfair."""

    def __init__(self) -> None:
        self.waiting: Counter[object] = Counter()
        self.served: dict[tuple[object, object], Counter[object]] = {}

    def join(self, name: object) -> None:
        if not self.waiting[name]:
            for other in +self.waiting:
                self.served[self._pair(name, other)] = Counter()
        self.waiting[name] += 1

    def serve(self, name: object) -> None:
        for pair, counts in list(self.served.items()):
            if name in pair:
                counts[name] += 1
                first, second = pair
                assert abs(counts[first] - counts[second]) <= 1, (pair, counts)
        self.waiting[name] -= 1
        if not self.waiting[name]:
            self.served = {pair: counts for pair, counts in self.served.items() if name not in pair}

    def _pair(self, one: object, other: object) -> tuple[object, object]:
        first, second = sorted((one, other), key=repr)
        return first, second


@given(ACTS)
def test_tenants_and_people_take_turns(acts: list[tuple[str, str] | None]) -> None:
    lines, tenants, people = Lines[Ticket](), Turns(), {name: Turns() for name in "ABC"}
    for number, act in enumerate(acts):
        if act is SERVE:
            ticket = lines.serve()
            if ticket:
                tenants.serve(ticket[0])
                people[ticket[0]].serve(ticket[1])
        else:
            lines.join(*act, (*act, number))
            tenants.join(act[0])
            people[act[0]].join(act[1])


@given(JOINS)
def test_everybody_is_served_once_and_their_own_tickets_in_order(joins: list[tuple[str, str]]) -> None:
    lines = filled(joins)
    assert len(lines) == len(joins)
    served = drained(lines)
    assert Counter(ticket[:2] for ticket in served) == Counter(joins)
    for who in set(joins):
        numbers = [number for *at, number in served if tuple(at) == who]
        assert numbers == sorted(numbers)
    assert len(lines) == 0
    with pytest.raises(ValueError, match="empty"):
        lines.longest()  # nobody is remembered


@given(JOINS, st.sampled_from("ABCD"), st.sampled_from("wxyz"))
def test_nobody_is_told_too_few_ahead(joins: list[tuple[str, str]], tenant: str, person: str) -> None:
    lines = filled(joins)
    ahead = lines.ahead(tenant, person)
    assert ahead <= len(joins)
    lines.join(tenant, person, (tenant, person, -1))
    assert drained(lines).index((tenant, person, -1)) <= ahead


@given(JOINS, st.data())
def test_who_leaves_changes_nothing_for_the_others(joins: list[tuple[str, str]], data: st.DataObject) -> None:
    tickets = [(*who, number) for number, who in enumerate(joins)]
    left = data.draw(st.sets(st.sampled_from(tickets))) if tickets else set()
    lines = filled(joins)
    for ticket in left:
        lines.leave(*ticket[:2], ticket)
        lines.leave(*ticket[:2], ticket)  # a second time: nothing
    assert set(drained(lines)) == set(tickets) - left


@given(JOINS, st.sampled_from("ABCD"), st.sampled_from("wxyz"))
def test_the_longest_line_pays_for_a_newcomer(joins: list[tuple[str, str]], tenant: str, person: str) -> None:
    lines = filled(joins)
    of_tenant, of_person = Counter(tenant for tenant, _ in joins), Counter(joins)
    victim = lines.victim(tenant, person)
    if victim is None:
        assert of_tenant[tenant] == max(of_tenant.values(), default=0)
        mine = [count for (name, _), count in of_person.items() if name == tenant]
        assert of_person[tenant, person] == max(mine, default=0)
        return
    assert of_tenant[victim[0]] == max(of_tenant.values())
    assert (of_tenant[victim[0]], of_person[victim]) > (of_tenant[tenant], of_person[tenant, person]) or (
        victim[0] == tenant and of_person[victim] > of_person[tenant, person]
    )
    newest = max(number for number, who in enumerate(joins) if who == victim)
    assert lines.drop(*victim) == (*victim, newest)


def test_a_flood_of_one_tenant_costs_another_one_turn() -> None:
    lines = filled([("flood", "x")] * 60)
    assert lines.ahead("quiet", "y") == 1
    assert lines.ahead("flood", "y") == 1  # a quiet colleague of whoever floods
    assert lines.ahead("flood", "x") == 60


def test_turns_that_are_not_fair_are_seen() -> None:
    turns = Turns()
    for name in "AAB":
        turns.join(name)
    turns.serve("A")
    with pytest.raises(AssertionError):
        turns.serve("A")
