"""Who waits, and in which order they are served: tenants in turn, within a tenant its people in turn. Rules only."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Lines(Generic[T]):
    """A line of tickets for each person of each tenant; the first in each dict is whose turn it is."""

    def __init__(self) -> None:
        self._tenants: dict[str, dict[str, deque[T]]] = {}

    def __len__(self) -> int:
        return sum(map(self._of, self._tenants))

    def join(self, tenant: str, person: str, ticket: T) -> None:
        """Wait behind one's own tickets; a new person waits behind those of the tenant, a new tenant behind all."""
        self._tenants.setdefault(tenant, {}).setdefault(person, deque()).append(ticket)

    def leave(self, tenant: str, person: str, ticket: T) -> None:
        """Wait no longer; nothing happens to a ticket that does not wait."""
        lines = self._tenants.get(tenant, {})
        if ticket in lines.get(person, ()):
            lines[person].remove(ticket)
            self._sweep(tenant, person)

    def serve(self) -> T | None:
        """The next ticket; its tenant, and in it its person, go to the end."""
        if not self._tenants:
            return None
        tenant = next(iter(self._tenants))
        lines = self._tenants.pop(tenant)
        person = next(iter(lines))
        line = lines.pop(person)
        ticket = line.popleft()
        lines[person], self._tenants[tenant] = line, lines
        self._sweep(tenant, person)
        return ticket

    def ahead(self, tenant: str, person: str) -> int:
        """At most how many of those who wait now are served before one who joins now."""
        lines = self._tenants.get(tenant, {})
        own = len(lines.get(person, ()))
        turn = own + sum(min(len(line), own + 1) for name, line in lines.items() if name != person)
        return turn + sum(min(self._of(name), turn + 1) for name in self._tenants if name != tenant)

    def longest(self) -> tuple[str, str]:
        """The tenant with most tickets, and in it the person with most; raises ValueError when nobody waits."""
        tenant = max(self._tenants, key=self._of)
        return tenant, max(self._tenants[tenant], key=lambda person: len(self._tenants[tenant][person]))

    def victim(self, tenant: str, person: str) -> tuple[str, str] | None:
        """Whose newest ticket has to make room for one who joins now; None when it would be their own.

        The longest line pays, so a flood drowns itself (flow queueing as in RFC 8290, section 4.1.2).
        """
        if not self._tenants:
            return None
        fat, _ = self.longest()
        if self._of(fat) > self._of(tenant):
            return self.longest()
        lines = self._tenants[tenant]
        widest = max(lines, key=lambda name: len(lines[name]))
        return (tenant, widest) if len(lines[widest]) > len(lines.get(person, ())) else None

    def drop(self, tenant: str, person: str) -> T:
        """Take the person's newest ticket out."""
        ticket = self._tenants[tenant][person].pop()
        self._sweep(tenant, person)
        return ticket

    def _of(self, tenant: str) -> int:
        return sum(map(len, self._tenants.get(tenant, {}).values()))

    def _sweep(self, tenant: str, person: str) -> None:
        """No empty line and no tenant without one keeps a turn."""
        lines = self._tenants[tenant]
        if not lines[person]:
            del lines[person]
        if not lines:
            del self._tenants[tenant]
