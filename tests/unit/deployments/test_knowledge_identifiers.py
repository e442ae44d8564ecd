"""The finder of identifiers: every spelling leads to the publisher's, and nothing is found that is not there."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.knowledge.identifiers import find
from deployments.knowledge.words import fold

DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212\uff0d"


def ids(text: str) -> list[str]:
    return [each.id for each in find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cve 2021 44228", ["CVE-2021-44228"]),
        ("CVE202144228 is old", ["CVE-2021-44228"]),
        ("exploit_CVE_2021_44228.py", ["CVE-2021-44228"]),
        ("ＣＶＥ－２０２１－４４２２８", ["CVE-2021-44228"]),  # noqa: RUF001
        ("CVE\u20112021\u201344228", ["CVE-2021-44228"]),
        ("C\u200bVE-2021-44\u00ad228", ["CVE-2021-44228"]),
        ("СVЕ-2021-44228", ["CVE-2021-44228"]),  # noqa: RUF001
        ("CVE number 2021-44228?", ["CVE-2021-44228"]),
        ("CVE-21-7", ["CVE-21-7"]),
        ("T1059/001 and T1059.003, T1003", ["T1059.001", "T1059.003", "T1003"]),
        ("t1059:001", ["T1059.001"]),
        ("https://attack.mitre.org/techniques/T1059/001/", ["T1059.001"]),
        ("T1059.", ["T1059"]),
        ("technique T99999", ["T99999"]),
        ("CWE 79, cwe079, CWE#79, CWE-ID 79, CWE number 79", ["CWE-79"] * 5),
        ("capec66 / CAPEC - 66", ["CAPEC-66", "CAPEC-66"]),
        ("AML.T0051.000, aml t0051, AML-TA0002, AML.CS0001",
         ["AML.T0051.000", "AML.T0051", "AML.TA0002", "AML.CS0001"]),
        ("TA0006 m1043 G0016 S0002 C0024 DET0363 AN0110 DC0032 DS0029 A0008",
         ["TA0006", "M1043", "G0016", "S0002", "C0024", "DET0363", "AN0110", "DC0032", "DS0029", "A0008"]),
        ("D3-PSMD", ["D3-PSMD"]),
        ("rule 7E4BFE58-4a47-4709-828d-d86c78b7cc1f", ["7e4bfe58-4a47-4709-828d-d86c78b7cc1f"]),
        ("ASVS 5.0 V1.2.3, asvs 1.2.3", ["ASVS-V1.2.3", "ASVS-V1.2.3"]),
        ("ICSA-24-004-02; VA-24-254-02", ["ICSA-24-004-02", "VA-24-254-02"]),
        ("arXiv:2202.12139v2", ["arXiv:2202.12139"]),
        ("GHSA-jfh8-c2jp-5v3q", ["GHSA-jfh8-c2jp-5v3q"]),
    ],
)  # fmt: skip
def test_what_people_write_becomes_what_publishers_write(text: str, expected: list[str]) -> None:
    assert ids(text) == expected


@pytest.mark.parametrize(
    "text",
    ["an 1999 bug", "in 2021", "d3-scale and d3-force", "MT1059", "T105", "S3 bucket", "A4096", "I can't 1059 times",
     "model T-800", "room m12", "CVE list of 2021", "CWE top 25", "a 0012", "G20 summit", "c 2021"],
)  # fmt: skip
def test_what_only_looks_like_one_is_not_found(text: str) -> None:
    assert ids(text) == []


def wide(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


SHAPES = (str, str.lower, str.title, wide)
number = st.integers(min_value=0, max_value=9999).map(lambda n: f"{n:04d}")
part = st.integers(min_value=0, max_value=999).map(lambda n: f"{n:03d}")
dash = st.sampled_from(DASHES)
gap = st.one_of(dash, st.sampled_from([" ", "_", "", " - "]))


@st.composite
def spelt(draw: st.DrawFn) -> tuple[str, str]:
    """An identifier, and a way to write it."""
    year, long = draw(st.integers(1999, 2099)), draw(st.integers(1000, 10**7))
    one = draw(st.integers(1, 99999))
    four, three, between = draw(number), draw(part), draw(gap)
    choices = [
        (f"CVE-{year}-{long}", f"CVE{between}{year}{draw(gap)}{long}"),
        (f"CWE-{one}", f"CWE{between}{one}"),
        (f"CAPEC-{one}", f"CAPEC{between}{one}"),
        (f"T{four}.{three}", f"T{four}{draw(st.sampled_from('./:-_'))}{three}"),
        (f"AML.T{four}", f"AML{draw(st.sampled_from(['.', ' ', '-', '_']))}T{four}"),
        *((f"{letters}{four}", f"{letters}{four}") for letters in ("T", "TA", "M", "G", "S", "C", "DET", "AN", "DC")),
    ]  # fmt: skip
    plain, written = draw(st.sampled_from(choices))
    return plain, draw(st.sampled_from(SHAPES))(written)


@given(spelt(), st.sampled_from(["", "What is ", "(", "see: ", "„"]), st.sampled_from(["", "?", ")", ", please", "."]))
def test_every_spelling_leads_to_the_one_identifier(pair: tuple[str, str], before: str, after: str) -> None:
    plain, written = pair
    assert ids(before + written + after) == [plain]


def signs(text: str) -> str:
    """Letters and digits alone, leading zeros of numbers left out."""
    kept = "".join(each for each in unicodedata.normalize("NFKC", text) if each.isalnum())
    return re.sub(r"(?<!\d)0+(?=\d)", "", fold(kept))


@given(st.text(alphabet="CVEWAPTMGSDL0123456789-. /_xé\uff12\u2011\u200b", max_size=60))
def test_nothing_is_found_that_is_not_there(text: str) -> None:
    found = find(text)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    for each in found:
        letters = iter(signs(text[each.start : each.end]))
        assert all(sign in letters for sign in signs(each.id)), (each, text)


@given(st.text(alphabet=st.characters(blacklist_categories=("Nd",)), max_size=200))
def test_without_a_digit_only_a_defence_can_be_named(text: str) -> None:
    assert ids(text) == []
