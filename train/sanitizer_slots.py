"""What fills the slots of the sanitizer's templates: invented people, firms and machines, and real public names.

A slot gives a value and the label that it must be found under; None where it must stay.
"""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

LOCALES = ("en_US", "en_GB", "en_IN", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "sv_SE", "pl_PL", "pt_BR", "tr_TR")
Filled = tuple[str, str | None]

_NOUNS = ("North", "Harbor", "Ridge", "Blue", "Summit", "Oak", "Iron", "Clear", "Silver", "River", "Stone", "Bright",
          "Maple", "Falcon", "Delta", "Amber", "Granite", "Meadow", "Lake", "Fern")  # fmt: skip
_TRADES = ("Logistics", "Insurance", "Dental", "Foods", "Energy", "Partners", "Consulting", "Bank", "Clinic",
           "Motors", "Textiles", "Realty", "Labs", "Freight", "Analytics", "Pharma", "University", "Council",
           "Legal", "Media")  # fmt: skip
_FORMS = ("", "", " Inc", " Ltd", " GmbH", " LLC", " AG", " S.A.", " Group", " & Sons", " B.V.", " plc", " Inc.")
_SYLLABLES = (
    "vo", "ti", "zen", "nu", "ci", "vic", "ra", "lo", "mo", "ta", "ki", "den", "sol", "ar", "ex", "via", "ent",
    "quo", "ly", "fin", "cor", "zy", "per", "gen", "omi", "stra", "dex", "lum", "ora",
)  # fmt: skip
_ADDED = (
    "", "", "", "", " Systems", " Health", " Insights", " Capital", "com", ".com", " Maps", " Data", "ly",
    " & Co", " Institute of Technology", " Group", " Agency",
)  # fmt: skip
_ROLES = ("srv", "db", "web", "mail", "dc", "fs", "app", "vpn", "jump", "k8s-node", "print", "backup", "sql", "proxy")
_TEAMS = ("fin", "hr", "ops", "dev", "prod", "fra", "nyc", "lon", "hq", "lab", "sales", "legal")
_ZONES = ("local", "lan", "internal", "corp", "intern", "intranet", "home.arpa", "private")
_PROCESSES = (
    "rundll32.exe", "powershell.exe", "cmd.exe", "lsass.exe", "svchost.exe", "winword.exe", "bash", "curl",
    "wscript.exe", "mshta.exe", "regsvr32.exe", "certutil.exe", "python3", "sshd", "explorer.exe",
)  # fmt: skip
_FUNCTIONS = (
    "memcpy", "parse_header", "png_handle_iCCP", "SSL_read", "login.php", "getUserById", "ntlm_auth", "strcpy",
    "mod_rewrite", "deserialize", "CreateProcess", "xmlParse", "handleUpload", "q", "redirect_uri", "file", "ioctl",
    "dhcp_decode", "LoadLibrary", "setAttribute", "get_sitemap",
)  # fmt: skip
_PATHS = ("/etc/passwd", "/opt/.x", "C:\\Windows\\System32\\drivers", "/admin/index.php", "%APPDATA%\\Microsoft",
          "drivers/net/usb.c", "/var/www/html/upload.php", "C:\\ProgramData\\update.dll", "src/http/request.c",
          "/cgi-bin/luci", "HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Run", "~/.bash_history")  # fmt: skip
_DOCUMENTATION = ("192.0.2.", "198.51.100.", "203.0.113.")


@dataclass(frozen=True, slots=True)
class Names:
    """Public names from the feeds, which stay."""

    products: tuple[str, ...]
    vendors: tuple[str, ...]
    malware: tuple[str, ...]
    actors: tuple[str, ...]
    techniques: tuple[str, ...]
    cves: tuple[str, ...]


class Slots:
    """Fills slots; the same seed gives the same values. Needs Faker."""

    def __init__(self, names: Names, seed: int = 7) -> None:
        from faker import Faker

        self.rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.names = names
        self._fakers = [Faker(locale) for locale in LOCALES]
        for number, each in enumerate(self._fakers):
            each.seed_instance(seed + number)

    def fill(self, slot: str) -> Filled:
        """A value for {slot}; raises KeyError for one that there is not."""
        return _SLOTS[slot](self)

    @property
    def faker(self) -> "object":
        """One locale of all."""
        return self.rng.choice(self._fakers)

    def country(self) -> str:
        """One country, in English."""
        return str(self._fakers[0].country())

    def digits(self, form: str) -> str:
        """`form` with each # a digit and each ? a capital."""
        return "".join(
            self.rng.choice(string.digits) if c == "#" else self.rng.choice(string.ascii_uppercase) if c == "?" else c
            for c in form
        )


def _person(slots: Slots) -> Filled:
    faker = slots.faker
    first, last = faker.first_name(), faker.last_name()  # type: ignore[attr-defined]
    forms = (f"{first} {last}",) * 8 + (f"{first} {last[0]}.", f"{first[0]}. {last}", last)
    return slots.rng.choice(forms), "PERSON"


def _first(slots: Slots) -> Filled:
    return slots.faker.first_name(), "PERSON"  # type: ignore[attr-defined]


def _last(slots: Slots) -> Filled:
    return slots.faker.last_name(), "PERSON"  # type: ignore[attr-defined]


def _org(slots: Slots) -> Filled:
    rng = slots.rng
    middle = rng.choice(("", " ", "gate ", "view ", "field "))
    made = f"{rng.choice(_NOUNS)}{middle}{rng.choice(_TRADES)}{rng.choice(_FORMS)}"
    drawn = "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((2, 3, 3)))).capitalize() + rng.choice(_ADDED)
    name = rng.choice((made, slots.faker.company(), drawn))  # type: ignore[attr-defined]
    return (name.lower() if rng.random() < 0.08 else name), "ORGANIZATION"


def _address(slots: Slots) -> Filled:
    rng, faker = slots.rng, slots.faker
    text: str = faker.address()  # type: ignore[attr-defined]
    if rng.random() < 0.25:
        text = faker.street_address()  # type: ignore[attr-defined]
    elif rng.random() < 0.3:  # as forms of several countries write it: number, street, unit, town, country, code
        unit = rng.choice(("", f" Apt. {rng.randint(1, 999)}", f" Suite {rng.randint(1, 999)}"))
        text = f"{rng.randint(1, 9999)} {faker.street_name()} {rng.randint(1, 200)}{unit}\n{faker.city()}\n"  # type: ignore[attr-defined]
        text += f"{slots.country()} {rng.choice((faker.postcode(), slots.digits('#####')))}"  # type: ignore[attr-defined]
    return (text if rng.random() < 0.4 else text.replace("\n", rng.choice((", ", " ")))), "ADDRESS"


def _user(slots: Slots) -> Filled:
    rng, faker = slots.rng, slots.faker
    first, last = faker.first_name().lower(), faker.last_name().lower()  # type: ignore[attr-defined]
    forms = (f"{first[0]}{last}", f"{first}.{last}", f"{last}{first[0]}", f"{first}{rng.randint(1, 99)}",
             f"svc_{rng.choice(_TEAMS)}", f"{rng.choice(_TEAMS)}-admin", f"{first[0]}.{last}",
             f"{rng.choice(_NOUNS).upper()}\\{first[0]}{last}")  # fmt: skip
    return rng.choice(forms).replace(" ", ""), "USERNAME"


def _host(slots: Slots) -> Filled:
    rng = slots.rng
    role, team = rng.choice(_ROLES), rng.choice(_TEAMS)
    zone = f"{rng.choice(('', 'corp.', 'ad.', 'prod.'))}{rng.choice(_NOUNS).lower()}{rng.choice(('gate', 'bank', ''))}"
    short = rng.choice((f"{role}-{team}-{rng.randint(1, 40):02d}", f"{role}{rng.randint(1, 20):02d}", f"{team}-{role}",
                        slots.digits("WS-####"), slots.digits("DESKTOP-?#?##?#"), slots.digits("LT-####"),
                        f"{team.upper()}-{role.upper()}{rng.randint(1, 9)}"))  # fmt: skip
    return rng.choice((short, f"{short.lower()}.{zone}.{rng.choice(_ZONES)}")), "HOST"


def _domain(slots: Slots) -> Filled:
    noun = slots.rng.choice(_NOUNS)
    forms = (f"{noun.upper()}", f"corp.{noun.lower()}.local", f"{noun.lower()}.lan", f"{noun.upper()}.LOCAL")
    return slots.rng.choice(forms), "HOST"


def _url(slots: Slots) -> Filled:
    rng = slots.rng
    host = f"{rng.choice(('jira', 'wiki', 'portal', 'git', 'intranet', 'erp', 'crm'))}.{rng.choice(_NOUNS).lower()}"
    tail = rng.choice(("", "/", f"/browse/OPS-{rng.randint(1, 9999)}", "/login", f"/items/{rng.randint(1, 999)}?tab=2"))
    ending = rng.choice((*_ZONES, "com", "net", "io", "de"))
    return f"{rng.choice(('https', 'http'))}://{host}.{ending}{tail}", "URL"


def _ip(slots: Slots) -> Filled:
    rng = slots.rng
    first = rng.choice((5, 18, 31, 45, 62, 77, 81, 93, 104, 141, 146, 185, 188, 193, 212, 217))
    return f"{first}.{rng.randint(1, 254)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}", "IP"


def _private(slots: Slots) -> Filled:
    rng = slots.rng
    start = rng.choice(("10.{}.{}.", "192.168.{}.", "172.16.{}."))
    return start.format(rng.randint(0, 99), rng.randint(0, 99)) + str(rng.randint(1, 254)), None


def _phone(slots: Slots) -> Filled:
    forms = ("+1 ### ### ####", "(###) ###-####", "+49 ### #######", "+44 20 #### ####", "0## ### ####", "###-###-####",
             "+33 # ## ## ## ##", "+1-###-###-####", "0###/######", "###.###.####", "+48 ### ### ###")  # fmt: skip
    made = slots.digits(slots.rng.choice(forms))
    return slots.rng.choice((made, slots.faker.phone_number())), "PHONE"  # type: ignore[attr-defined]


def _email(slots: Slots) -> Filled:
    faker = slots.faker
    return slots.rng.choice((faker.company_email, faker.free_email))(), "EMAIL"  # type: ignore[attr-defined]


def _secret(slots: Slots) -> Filled:
    rng = slots.rng
    alphabet = string.ascii_letters + string.digits
    word = "".join(rng.choice(alphabet) for _ in range(rng.choice((10, 12, 16, 24, 32, 40))))
    forms = (word, word, f"{rng.choice(_NOUNS)}{rng.randint(10, 9999)}!",
             f"{rng.choice(_TRADES)}#{rng.randint(1, 99)}$x",
             f"sk_live_{word}", word.lower())  # fmt: skip
    return rng.choice(forms), "SECRET"


def _version(slots: Slots) -> Filled:
    rng = slots.rng
    parts = [str(rng.randint(0, 30)) for _ in range(rng.choice((2, 2, 3, 3, 4)))]
    return ".".join(parts) + rng.choice(("", "", "", "-rc1", "p2", "b", "-beta")), None


def _id(slots: Slots) -> Filled:
    return slots.digits(slots.rng.choice(("E######", "EMP-#####", "??######", "#########", "INC#######", "B-####",
                                          "?########", "D###-####-####"))), "ID"  # fmt: skip


def _date(slots: Slots) -> Filled:
    rng = slots.rng
    year, month, day = rng.randint(2015, 2026), rng.randint(1, 12), rng.randint(1, 28)
    clock = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    forms = (f"{year}-{month:02d}-{day:02d}", f"{year}-{month:02d}-{day:02d}T{clock}Z",
             f"{months[month - 1]} {day} {clock}",
             f"{day} {months[month - 1]} {year}",
             f"{day:02d}/{months[month - 1]}/{year}:{clock} +0000", clock)  # fmt: skip
    return rng.choice(forms), None


def _public(pick: Callable[[Names], tuple[str, ...]]) -> Callable[[Slots], Filled]:
    return lambda slots: (slots.rng.choice(pick(slots.names)), None)


def _one_of(values: tuple[str, ...]) -> Callable[[Slots], Filled]:
    return lambda slots: (slots.rng.choice(values), None)


_SLOTS: dict[str, Callable[[Slots], Filled]] = {
    "person": _person, "first": _first, "last": _last, "org": _org, "address": _address,
    "user": _user, "host": _host, "url": _url,
    "domain": _domain, "ip": _ip, "privip": _private, "phone": _phone, "email": _email, "secret": _secret, "id": _id,
    "version": _version, "date": _date,
    "card": lambda slots: (slots.faker.credit_card_number(), "CARD"),  # type: ignore[attr-defined]
    "ssn": lambda slots: (slots.digits("###-##-####"), "SSN"),
    "iban": lambda slots: (slots.faker.iban(), "IBAN"),  # type: ignore[attr-defined]
    "city": lambda slots: (slots.faker.city(), "LOCATION"),  # type: ignore[attr-defined]
    "country": lambda slots: (slots.country(), "LOCATION"),
    "docip": lambda slots: (slots.rng.choice(_DOCUMENTATION) + str(slots.rng.randint(1, 254)), None),
    "port": lambda slots: (str(slots.rng.randint(20, 65000)), None),
    "hash": lambda slots: ("".join(slots.rng.choice("0123456789abcdef") for _ in range(64)), None),
    "cwe": lambda slots: (f"CWE-{slots.rng.randint(20, 1390)}", None),
    "product": _public(lambda names: names.products), "vendor": _public(lambda names: names.vendors),
    "malware": _public(lambda names: names.malware), "actor": _public(lambda names: names.actors),
    "technique": _public(lambda names: names.techniques), "cve": _public(lambda names: names.cves),
    "proc": _one_of(_PROCESSES), "func": _one_of(_FUNCTIONS), "path": _one_of(_PATHS),
}  # fmt: skip
