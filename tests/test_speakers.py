from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sottovoce import Segment
from sottovoce.speech.speakers import attributed, speakers
from sottovoce.speech.turns import turns
from sottovoce.speech.vad import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sottovoce.speech.voiceprint import Piece, Voice

RNG = np.random.default_rng(7)
VOICES = np.linalg.qr(RNG.normal(size=(64, 4)))[0].T
"""Four voices that have nothing in common"""


def segment(
    number: int, who: int | None, text: str = "words", seconds: float = 3.0, track: int = 0
) -> Segment:
    voice: tuple[float, ...] = ()
    if who is not None:
        vector = VOICES[who] + RNG.normal(size=64) * 0.07
        voice = tuple(float(v) for v in vector / np.linalg.norm(vector))
    start = number * 5.0
    return Segment(id=number, start=start, end=start + seconds, text=text, voice=voice, track=track)


def test_voices_are_told_apart_and_numbered_as_they_first_speak() -> None:
    order = [2, 0, 2, 1, 0, 3, 1, 2, 3]
    names = speakers([segment(i, who) for i, who in enumerate(order)], [""])
    number = {2: 1, 0: 2, 1: 3, 3: 4}
    assert names == [f"Speaker {number[who]}" for who in order]


def test_a_labelled_track_is_one_person() -> None:
    heard = [segment(0, 0, track=0), segment(1, 1, track=1), segment(2, 2, track=1)]
    assert speakers(heard, ["Me", ""]) == ["Me", "Speaker 1", "Speaker 2"]


def test_whom_a_machine_played_are_told_apart_where_they_are_several() -> None:
    heard = [segment(0, 0, track=0), segment(1, 1, track=1), segment(2, 1, track=1)]
    assert speakers(heard, ["Me", "Them"]) == ["Me", "Them", "Them"]
    heard.append(segment(3, 2, track=1))
    assert speakers(heard, ["Me", "Them"]) == ["Me", "Speaker 1", "Speaker 1", "Speaker 2"]
    without = [segment(number, None, track=number % 2) for number in range(4)]
    assert speakers(without, ["Me", "Them"]) == ["Me", "Them"] * 2


def test_what_is_too_short_is_never_another_tracks() -> None:
    heard = [segment(0, 0, track=1), segment(1, None, track=0), segment(2, None, track=1)]
    assert speakers(heard, ["Me", ""]) == ["Speaker 1", "Me", "Speaker 1"]


def test_an_utterance_too_short_for_a_voiceprint_goes_to_the_one_before() -> None:
    heard = [segment(0, 0), segment(1, 1), segment(2, None, seconds=0.2), segment(3, 0)]
    assert speakers(heard, [""]) == ["Speaker 1", "Speaker 2", "Speaker 2", "Speaker 1"]


def test_nobody_and_one_alone_are_no_trouble() -> None:
    assert speakers([], [""]) == []
    assert speakers([segment(0, 0, seconds=0.4)], [""]) == ["Speaker 1"]
    assert speakers([segment(0, None)], [""]) == [None]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hi, this is Maria.", "Maria"),
        ("Good morning, my name is David, I am late.", "David"),
        ("Henry here. Sorry.", "Henry"),
        ("I'm Zoë from accounting.", "Zoë"),
        ("Priya speaking.", "Priya"),
        ("Hello all, Priya, speaking.", "Priya"),
        ("Hello, it's Helen.", "Helen"),
        ("It’s Helen from Leeds.", "Helen"),
        ("Good morning! Oscar, here.", "Oscar"),
        ("Oscar here, sorry.", "Oscar"),
        ("Oscar, here is the report.", "Speaker 1"),
        ("It's Friday, at last.", "Speaker 1"),
        ("It's Helen's turn.", "Speaker 1"),
        ("This is Monday.", "Speaker 1"),
        ("I'm Sorry.", "Speaker 1"),
        ("This is Maria Callas singing.", "Speaker 1"),
        ("this is great", "Speaker 1"),
    ],
)
def test_who_introduces_himself_is_called_by_that_name(text: str, name: str) -> None:
    assert speakers([segment(0, 0, text), segment(1, 0)], [""]) == [name, name]


def test_a_name_that_two_speakers_claim_is_given_to_neither() -> None:
    heard = [segment(0, 0, "This is Tom."), segment(1, 1, "No, I am Tom.")]
    assert speakers(heard, [""]) == ["Speaker 1", "Speaker 2"]


def test_segments_of_one_speaker_in_one_breath_are_joined() -> None:
    first, second, third = (segment(i, 0, text) for i, text in enumerate(("One,", "two.", "Three")))
    second = Segment(id=1, start=3.2, end=5.0, text=second.text, voice=second.voice)
    joined = attributed([first, second, third], [""])
    assert [(s.id, s.start, s.end, s.text) for s in joined] == [
        (0, 0.0, 5.0, "One, two."),
        (1, 10.0, 13.0, "Three"),
    ]


def test_runs_of_one_voice_are_one_turn_and_a_new_voice_begins_another() -> None:
    voices = {1: VOICES[0], 2: VOICES[0] * 0.9 + VOICES[1] * 0.43, 3: VOICES[2]}

    def embed(samples: np.ndarray, pieces: Sequence[Piece]) -> list[Voice]:
        return [tuple(map(float, voices[round(float(samples[begin]))])) for begin, _ in pieces]

    def run(start: float, who: int, seconds: float = 2.0) -> Run:
        return Run(start, np.full(int(seconds * 16_000), who, np.float32))

    heard = [run(0.0, 1), run(2.5, 2), run(5.0, 3), run(7.1, 3, 0.5), run(9.0, 3)]
    assert [(t.start, t.end) for t in turns(heard, embed)] == [(0.0, 4.5), (5.0, 7.6), (9.0, 11.0)]
    assert [(t.start, t.end) for t in turns(heard, None)] == [(0.0, 7.6), (9.0, 11.0)]
