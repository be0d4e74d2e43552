from __future__ import annotations

import pytest

from sottovoce.speech.guards import compression, is_credit, is_noise, text_without_loops


@pytest.mark.parametrize(
    ("text", "kept", "loops"),
    [
        ("We meet on Monday.", "We meet on Monday.", 0),
        ("No, no, no, we do not.", "No, no, no, we do not.", 0),
        ("no no no no no no we do not", "no no no we do not", 1),
        ("I do. " * 9 + "Yes.", "I do. I do. I do. Yes.", 1),
        ("and then we go home " * 20, "and then we go home and then we go home", 1),
        ("one two three four five six", "one two three four five six", 0),
    ],
)
def test_loops_are_cut_and_what_people_repeat_is_not(text: str, kept: str, loops: int) -> None:
    assert text_without_loops(text) == (kept, loops)


@pytest.mark.parametrize(
    "text",
    [
        "Subtitles by the Amara.org community",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "Sous-titrage Société Radio-Canada",
        "Subtítulos realizados por la comunidad de Amara.org",
        "Transcription by CastingWords",
        "Продолжение следует...",
        "字幕由Amara.org社区提供",
    ],
)
def test_credits_are_nobodys_words_however_sure_the_model_is(text: str) -> None:
    assert is_credit(text, 0.99)


@pytest.mark.parametrize(
    ("text", "confidence", "removed"),
    [
        ("Thanks for watching!", 0.3, True),
        ("Thank you.", 0.4, True),
        ("Thank you.", 0.9, False),
        ("Thank you.", None, False),
        ("Thank you for the report, Anna.", 0.3, False),
        ("We should add captions by Friday to the subtitles of the training video, and then the "
         "two of us go through the list of what is left to do before the release is out of the "
         "door.", 0.9, False),
        ("The subtitles are ready.", 0.9, False),
    ],
)  # fmt: skip
def test_what_people_say_too_is_removed_only_where_the_model_doubts(
    text: str, confidence: float | None, removed: bool
) -> None:
    assert is_credit(text, confidence) is removed


@pytest.mark.parametrize(
    ("text", "certainty", "noise"),
    [
        ("Mm-Hmm", 0.7, True),
        ("Uh?", 0.6, True),
        ("Mm-hmm, uh.", 0.6, True),
        ("Mm-hmm.", 0.97, False),
        ("Oh no.", 0.5, False),
        ("", 0.1, False),
    ],
)
def test_a_mere_sound_counts_where_it_is_certain_that_somebody_made_it(
    text: str, certainty: float, noise: bool
) -> None:
    assert is_noise(text, certainty) is noise


def test_a_loop_compresses_and_speech_does_not() -> None:
    assert compression("and so on " * 30) > 2.4
    assert compression("We talked to the moving company, and they can come on Friday.") < 2.4
