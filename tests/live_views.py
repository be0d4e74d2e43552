"""A meeting as overlays see it, for their tests and for the pictures of them in the docs."""

from __future__ import annotations

from dataclasses import replace

from sottovoce import (
    Evidence,
    LiveCaption,
    LiveState,
    LiveView,
    Suggestion,
    SuggestionKind,
)

_SAID = """
Them|Let us begin with the internet. Henry, is the new connection ready?
Me|Almost. The provider comes on Thursday to lay the last two metres.
Them|And until then?
Me|Until then we stay on the old line. It is slow, but it holds.
Them|Good. Then the trade fair. The stand is booked, but we have no screen for it yet.
Me|We could rent one. I asked for an offer, for three weeks.
Them|What would that cost us?
Me|About nine hundred dollars, with delivery and set-up.
Them|That is within the budget. Please order it by Friday, and tell Maria the dimensions.
Me|I will. I also need the logo in a printable form from her.
Them|She sends it tomorrow. Is there anything else that could hold us up?
"""

CAPTIONS = tuple(
    LiveCaption(start=724.0 + 7.5 * number, speaker=row.split("|")[0], text=row.split("|")[1])
    for number, row in enumerate(_SAID.strip().splitlines())
)

ASKED = Suggestion(
    id=7,
    kind=SuggestionKind.QUESTION,
    timestamp=799.0,
    about="Is there anything else that could hold us up?",
    text="The power supply: the hall asks for the form by Monday, and nobody has sent it yet.",
    evidence=(
        Evidence(start=412.0, speaker="Them", text="The hall wants the power form by Monday."),
        Evidence(start=0.0, speaker="", text="Who sends the power form?", meeting="your notes"),
    ),
)
EARLIER = Suggestion(
    id=6,
    kind=SuggestionKind.TURN,
    timestamp=770.0,
    text="Ask whether nine hundred dollars includes the way back.",
    evidence=(Evidence(start=776.5, speaker="Me", text="About nine hundred dollars."),),
)

VIEW = LiveView(
    title="Trade fair, weekly",
    state=LiveState.RECORDING,
    seconds=806.0,
    levels=(("Me", None), ("Them", -17.0)),
    captions=CAPTIONS,
    saying=(LiveCaption(start=803.0, speaker="Them", text="I ask because last year we"),),
    suggestions=(EARLIER, ASKED),
    suggesting="on",
    marks=2,
)
QUIET = replace(VIEW, suggestions=(), suggesting="off", marks=0)
