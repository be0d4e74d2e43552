from __future__ import annotations

import random
from itertools import pairwise

import pytest

from sottovoce import MeetingNotes, Segment, Transcript
from sottovoce.notes import Request
from sottovoce.notes.compose import compose
from sottovoce.notes.details import TENTHS
from sottovoce.notes.evidence import stem, words
from sottovoce.notes.extract import Extraction, Note
from sottovoce.notes.spoken import readable, said, sentence
from sottovoce.notes.template import parse
from sottovoce.notes.topics import Nouns, Stretch, names_topic, stretches, telling_lines, titles
from sottovoce.notes.windows import lines_of

from .eval import measures
from .test_notes import RECORDING, transcript

SUBJECTS = {
    "the heating": "boiler radiator pipe plumber gas thermostat leak valve pressure cellar",
    "the garden": "roses hedge lawn spade compost tulips gardener fence apples watering",
    "the party": "music invitations cake balloons caterer guests dancing candles wine speeches",
}
FILLING = "we should probably look at it with them before they come back and tell us about"


def talk(turns: int = 120, seed: int = 1) -> Transcript:
    """Three subjects after one another, each in words of its own between common ones."""
    draw = random.Random(seed)
    said = []
    for subject, own in SUBJECTS.items():
        for n in range(turns // len(SUBJECTS)):
            text = draw.sample(own.split(), 4) + draw.sample(FILLING.split(), 10)
            draw.shuffle(text)
            said.append(f"{'Ana' if n % 2 else 'Ben'}: {subject} {' '.join(text)}.")
    return transcript(*said)


def notes(spoken: Transcript, request: Request | None = None) -> MeetingNotes:
    extraction = Extraction((), tuple(lines_of(spoken)), 0)
    return compose(RECORDING, spoken, extraction, request or Request())


def test_topics_follow_the_talk_without_gaps_and_are_called_by_its_words() -> None:
    spoken = talk(150)
    topics = notes(spoken).topics
    assert len(topics) >= 2
    assert (topics[0].start, topics[-1].end) == (0.0, spoken.segments[-1].end)
    assert all(one.end <= other.start for one, other in pairwise(topics))
    assert {word for topic in topics for word in words(topic.text)} <= set(words(spoken.text))
    borders = {topic.start // 5 for topic in topics[1:]}
    assert any(abs(border - 50) <= 3 or abs(border - 100) <= 3 for border in borders)


def test_every_point_is_what_its_speaker_said_there() -> None:
    spoken = talk()
    found = notes(spoken)
    points = [point for topic in found.topics for point in topic.points]
    assert len(points) > 5
    for point in points:
        (cited,) = point.segments
        segment = spoken.segments[cited]
        assert point.text.startswith(f"{segment.speaker}: ")
        assert set(words(point.text)) <= set(words(f"{segment.speaker} {segment.text}"))
    assert measures.evidence(found, spoken)[0] == measures.evidence(found, spoken)[1]
    assert measures.invented(found, spoken) == []


@pytest.mark.parametrize("seed", range(5))
def test_every_tenth_of_the_time_is_cited_however_uneven_the_talk(seed: int) -> None:
    draw = random.Random(seed)
    spoken = talk(90, seed)
    now = 0.0
    segments = []
    for segment in spoken.segments:
        length = draw.choice([1.0, 2.0, 40.0, 300.0])
        start = now + draw.choice([0.0, 5.0, 200.0])
        now = start + length
        text = segment.text if draw.random() < 0.5 else "Yeah, mm."
        segments.append(
            Segment(id=segment.id, start=start, end=now, text=text, speaker=segment.speaker)
        )
    spoken = Transcript(recording_id="x", language="en", segments=tuple(segments))
    found = notes(spoken)
    cited, with_speech = measures.coverage(found, spoken)
    assert cited == with_speech >= TENTHS - 3


def test_one_endless_segment_is_covered_by_its_one_citation() -> None:
    spoken = transcript("Ana: " + " ".join(s.text for s in talk().segments))
    found = notes(spoken)
    assert measures.coverage(found, spoken) == (TENTHS, TENTHS)
    assert all(one.end <= other.start for one, other in pairwise(found.topics))


def test_a_models_title_is_taken_only_where_the_topic_has_its_words() -> None:
    spoken = talk(150)
    lines = tuple(lines_of(spoken))
    gists = ((0, "Boiler leak"), (0, "Apples and roses"))
    found = compose(RECORDING, spoken, Extraction((), lines, 0, gists), Request())
    assert found.topics[0].text == "Boiler leak"
    assert "Apples and roses" not in [topic.text for topic in found.topics]
    valid, total = measures.evidence(found, spoken)
    assert valid == total


def test_a_short_meeting_has_no_topics_and_a_summary_no_longer_than_its_tenth() -> None:
    found = notes(transcript("Ana: The boiler leaks.", "Ben: I know."))
    assert (found.topics, found.summary) == ((), ())


def test_a_summary_says_what_it_was_about_and_quotes_as_much_as_there_is_room_for() -> None:
    found = notes(talk(150))
    first, *rest = found.summary
    assert first.text.startswith("The meeting was about ")
    assert all("said: “" in statement.text for statement in rest)
    assert 60 <= sum(len(it.text.split()) for it in found.summary) <= 150
    assert all(it.segments for it in found.summary)


def test_the_same_talk_gives_the_same_notes() -> None:
    assert notes(talk()) == notes(talk())


def test_quotes_on_request_are_word_for_word() -> None:
    spoken = talk()
    found = notes(spoken, Request(quotes=3))
    assert len(found.quotes) == 3
    for quote in found.quotes:
        inside = quote.text.partition("“")[2].rstrip("”")
        assert inside in spoken.segments[quote.segments[0]].text
    assert "Quotes" in [section.title for section in found.outline()]


def test_a_section_by_person_has_each_of_them() -> None:
    template = parse("+++\n+++\n## Who\n{{speakers}}\n", "mine")
    (section,) = notes(talk(), Request(template=template)).outline()
    assert {it.text.partition(":")[0] for it in section.statements} == {"Ana", "Ben"}


@pytest.mark.parametrize(
    ("spoken", "clean"),
    [
        ("Um, so the the, uh, budget is, you know, tight.", "so the budget is tight."),
        ("I I think th- the th three of them", "I think the three of them"),
        ("We had the we had the data, you know.", "We had the data."),
        ("I mean that is is fine, you know.", "I mean that is fine."),
        ("Dial five five one two two.", "Dial five five one two two."),
        ("It's slightly better, it's it's fine", "It's slightly better, it's fine"),
        ("Ahmed hums while Erma is ill", "Ahmed hums while Erma is ill"),
        ("", ""),
    ],
)
def test_fillers_and_false_starts_are_left_out_and_nothing_is_added(
    spoken: str, clean: str
) -> None:
    assert readable(spoken) == clean


def test_what_only_opens_a_turn_is_left_out_unless_it_is_all() -> None:
    assert said("Okay, so well the boiler leaks.") == "The boiler leaks."
    assert said("Yeah, right.") == "Yeah, right."
    assert said("And so, well, now the boiler leaks.") == "The boiler leaks."


@pytest.mark.parametrize(
    "text",
    [
        "No one likes the new design.",
        "No money is left for it.",
        "So far we have sold nine.",
        "Just two of them arrived.",
        "Well known brands sell better.",
        "I had had enough of it.",
        "A hundred, a hundred twenty people came.",
        "I mean what I say.",
        "Do you know where it is?",
        "You know the answer.",
    ],
)
def test_no_word_is_left_out_that_the_sentence_needs(text: str) -> None:
    assert said(text) == text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Das hat er um acht gesagt.", "de"),
        ("No queremos eso.", "es"),
        ("So machen wir das.", "de"),
        ("Comprou um carro.", "pt"),
    ],
)
def test_words_of_other_languages_are_no_english_fillers(text: str, language: str) -> None:
    assert said(text, language) == text
    assert said(f"Ähm, {text}", language) == text


def test_a_point_that_is_cut_out_of_a_long_sentence_is_completed_or_shows_it() -> None:
    short = "The boiler in the cellar of the old house leaks again and nobody knows since when it"
    short += " does so or who could come to see to it before the winter begins in earnest and the"
    short += " pipes under the roof freeze again as they did in the last year and the year before."
    lines = lines_of(transcript(f"Ana: {short}", "Ben: " + "pipes and valves " * 60 + "leak."))
    assert lines[1].segment == 0
    assert sentence(1, lines) == sentence(0, lines) == short
    middle = sentence(4, lines)
    assert middle.startswith("… ")
    assert middle.endswith(" …")


def test_in_a_language_without_a_list_the_words_of_every_line_tell_nothing() -> None:
    own = "heizung keller rohr ventil garten hecke rosen zaun musik torte gäste kerzen".split()
    turns = [f"Ana: Also der die und {own[n // 10]} ist bei uns so." for n in range(120)]
    lines = lines_of(transcript(*turns, language="de"))
    assert set().union(*telling_lines(lines)) == {stem(word) for word in own}
    assert stretches(lines)[0].first == 0


def test_a_meeting_in_chinese_has_topics_and_every_tenth_of_it_is_cited() -> None:
    subjects = ("锅炉漏水管道地窖阀门", "花园玫瑰篱笆草坪铲子", "聚会音乐蛋糕气球蜡烛")
    turns = [
        f"李: 我们说{subject[n % 5 :]}的事情很重要。" for subject in subjects for n in range(40)
    ]
    spoken = transcript(*turns, language="zh")
    found = notes(spoken)
    assert found.topics
    assert measures.coverage(found, spoken) == (TENTHS, TENTHS)


def test_verbs_and_the_words_of_talking_are_no_titles() -> None:
    turns = [
        "Ana: We should send it to them before you send it to us.",
        "Ben: The cover of the remote is rubber, and you scroll on the cover.",
        "Ana: I like the cover, so let's scroll and send it.",
        "Ben: Then the cover is good. You could scroll it and send it.",
    ]
    lines = lines_of(transcript(*turns))
    assert titles(lines, [Stretch(0, len(lines))]) == ["cover"]


def test_notes_that_cannot_be_understood_are_left_out_and_counted() -> None:
    spoken = transcript(
        "Ana: A device self s g, and they have now.",
        "Ben: We will rent the the boat fr from Monday, so focus a l on more.",
    )
    said_so = (
        Note("K", "a device self s g", (0,)),
        Note("K", "they have now", (0,)),
        Note("D", "focus a l on more", (1,)),
        Note("D", "rent the the boat fr from Monday", (1,)),
    )
    found = compose(RECORDING, spoken, Extraction(said_so, tuple(lines_of(spoken)), 1), Request())
    assert [it.text for it in found.decisions] == ["Rent the boat from Monday."]
    assert (found.key_points, found.dropped) == ((), 4)
    assert [it.text for it in found.summary] == ["It was decided to rent the boat from Monday."]


@pytest.mark.parametrize(
    ("title", "named"),
    [("Boiler", True), ("List of furniture", True), ("Go first with it", False), ("A bit", False)],
)
def test_a_models_title_names_something(title: str, named: bool) -> None:
    turns = [f"Ana: The {it} is here, and the {it} was." for it in ("boiler", "furniture", "list")]
    assert names_topic(title, Nouns(lines_of(transcript(*turns)))) == named
