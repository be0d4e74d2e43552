"""Numbers as they are said and as they are written: "nine hundred" is 900."""

from __future__ import annotations

import re

_UNITS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_ORDINALS = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
        " thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split(),
        start=1,
    )
} | {"twentieth": 20, "thirtieth": 30}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_SMALL = _UNITS | _TENS | _ORDINALS
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_WRITTEN = re.compile(r"\d+(?:[.,]\d+)*")


def said(text: str) -> set[str]:
    """All numbers that a text may be taken to say, in digits; of "nine hundred" 9 and 900."""
    found: set[str] = set()
    run: list[str] = []
    for token in [*_TOKEN.findall(text.lower()), ""]:
        if token[:1].isdigit():
            found |= _readings(token)
        known = token in _SMALL or token in _SCALES or (token[:1].isdigit() and token.isdecimal())
        if known or (run and token in ("and", "point", "a")):
            run.append(token)
            continue
        found |= _of_words(run)
        run = ["1"] if token in ("a", "an") else []  # a hundred
    return found


def unsaid(text: str, numbers: set[str]) -> list[str]:
    """The numbers in digits of a text that are none of those."""
    return [it for it in _WRITTEN.findall(text) if not _readings(it) & numbers]


def _readings(written: str) -> set[str]:
    """What digits may mean: "1.200" is 1200 to one reader and 1.2 to another."""
    plain = re.sub(r"[.,]", "", written)
    decimal = written.replace(",", ".")
    readings = {written, decimal}
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", written) or plain == written:
        readings.add(plain)
    return readings | {it.lstrip("0") or "0" for it in readings if "." not in it}


def _of_words(run: list[str]) -> set[str]:
    """What number words after one another say, from each of them to each after it."""
    found: set[str] = set()
    for start in range(len(run)):
        for end in range(start + 1, min(len(run), start + 8) + 1):
            if (value := _value(run[start:end])) is not None:
                found.add(value)
    return found


def _value(run: list[str]) -> str | None:
    if "point" in run:
        at = run.index("point")
        whole, after = _value(run[:at]), [_UNITS.get(it, 10) for it in run[at + 1 :]]
        if whole is None or not after or max(after) > 9:
            return None
        return f"{whole}.{''.join(map(str, after))}"
    total = part = 0
    pair = ""
    for word in run:
        if word in ("and", "a"):
            continue
        if word in _SCALES:
            scale = _SCALES[word]
            if scale == 100:
                part = max(part, 1) * 100
            else:
                total, part = total + max(part, 1) * scale, 0
        else:
            value = int(word) if word.isdecimal() else _SMALL[word]
            if part % 100 and not (part % 10 == 0 and part % 100 >= 20 and value < 10):
                pair, part = f"{pair}{part}", 0  # nineteen ninety-five, three forty
            part += value
    return f"{pair}{total + part}" if pair else str(total + part)
