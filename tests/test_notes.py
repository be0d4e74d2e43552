from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sottovoce import (
    Conversation,
    HardwareProfile,
    ModelSpec,
    NotesMethod,
    Piece,
    Priority,
    Question,
    Recording,
    Segment,
    TextGenerator,
    Transcript,
)
from sottovoce.engines.llama import load_text_generator
from sottovoce.errors import ModelError
from sottovoce.notes import take_notes
from sottovoce.notes.dates import deadline_in, resolve
from sottovoce.notes.evidence import Line, support
from sottovoce.notes.extract import grammar, parse
from sottovoce.notes.names import names_in
from sottovoce.notes.windows import lines_of, windows
from sottovoce_catalog import load_models

RECORDING = Recording(
    id="cafe0123",
    title="Weekly",
    path=Path("/weekly.wav"),
    source="recorded-file",
    started_at=datetime(2026, 3, 12, 10, tzinfo=UTC),  # a Thursday
)
STARTER = next(spec for spec in load_models() if spec.id == "starter-notes")


def transcript(*turns: str, language: str = "en") -> Transcript:
    pairs = [turn.split(": ", 1) for turn in turns]
    return Transcript(
        recording_id=RECORDING.id,
        language=language,
        segments=tuple(
            Segment(id=i, start=i * 5.0, end=i * 5.0 + 4, text=text, speaker=speaker)
            for i, (speaker, text) in enumerate(pairs)
        ),
    )


TALK = transcript(
    "Maria: Good morning. This is Maria.",
    "Tom: Hi.",
    "Maria: Then we will rent the mobile routers. Henry, please order them today.",
    "Henry: I will do that.",
    "Tom: Who pays for the parking?",
    "Henry: Nobody knows yet.",
)


class Scripted(TextGenerator, Conversation):
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, *answers: str, spec: ModelSpec = STARTER) -> None:
        self.spec = spec
        self.version = "1"
        self.n_ctx = spec.n_ctx
        self.answers = list(answers)
        self.asked: list[Question] = []
        self.context = ""

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def open(self, *, system: str = "", priority: Priority = Priority.NOTES) -> Conversation:
        return self

    def append(self, text: str) -> None:
        self.context += text

    def ask(
        self, questions: Sequence[Question], *, deadline: float | None = None
    ) -> Iterator[Piece]:
        self.asked += questions
        for number in range(len(questions)):
            answer = self.answers.pop(0) if self.answers else "none"
            yield Piece(number, answer[:7])
            yield Piece(number, answer[7:], last=True)

    def close(self) -> None:
        pass


def test_a_task_has_the_owner_who_took_it_its_date_and_the_lines_that_say_it() -> None:
    answer = "D|3|rent the mobile routers\nT|4|Henry|order the mobile routers|today"
    notes = take_notes(RECORDING, TALK, lambda: Scripted(answer))
    (item,) = notes.action_items
    assert (item.text, item.assignee) == ("Order the mobile routers", "Henry")
    assert (item.due, item.due_text) == (date(2026, 3, 12), "today")
    assert item.segments == (2, 3)
    assert [d.text for d in notes.decisions] == ["Rent the mobile routers."]
    assert "Henry will order the mobile routers" in " ".join(s.text for s in notes.summary)


@pytest.mark.parametrize(
    "invented",
    [
        "D|3|buy twelve elephants",
        "D|3|rent the mobile routers for Priya",
        "D|3|rent 400 mobile routers",
        "T|2|Tom|paint the wall|",
    ],
)
def test_what_was_not_said_is_dropped_and_counted(invented: str) -> None:
    notes = take_notes(RECORDING, TALK, lambda: Scripted(invented))
    assert notes.decisions == notes.action_items == ()
    assert notes.dropped == 1


def test_an_owner_who_neither_commits_nor_is_named_is_no_owner() -> None:
    answer = "T|3|Tom|rent the mobile routers|"
    (item,) = take_notes(RECORDING, TALK, lambda: Scripted(answer)).action_items
    assert item.assignee != "Tom"


def test_what_two_windows_saw_is_one_note() -> None:
    talk = transcript(*(f"Ana: Sentence number {i} about nothing." for i in range(8)), *["Ben: x"])
    turns = [s.text for s in talk.segments][:8]
    talk = transcript(
        *(f"Ana: {text}" for text in turns),
        "Ben: I will send the report by Friday.",
        *(f"Ana: {text}" for text in turns),
    )
    first = "T|9|Ben|send the report|by Friday"
    second = "T|1|Ben|send the report|"
    notes = take_notes(RECORDING, talk, lambda: Scripted(first, second))
    (item,) = notes.action_items
    assert (item.assignee, item.due) == ("Ben", date(2026, 3, 13))


def test_a_question_that_is_answered_at_once_is_not_open() -> None:
    talk = transcript("Ana: Is the hall booked?", "Ben: Yes, since Monday.")
    notes = take_notes(RECORDING, talk, lambda: Scripted("Q|1|is the hall booked"))
    assert notes.open_questions == ()


def test_nothing_said_gives_nothing_and_loads_no_model() -> None:
    def never() -> TextGenerator:
        raise AssertionError("the model was loaded")

    notes = take_notes(RECORDING, transcript(), never)
    assert (notes.summary, notes.decisions, notes.action_items) == ((), (), ())


def test_a_model_that_does_not_read_the_language_says_so() -> None:
    with pytest.raises(ModelError, match="this meeting is in 'de'"):
        take_notes(RECORDING, transcript("Ana: Guten Tag.", language="de"), lambda: Scripted())


def test_the_grammar_knows_the_lines_and_names_of_its_window_only() -> None:
    (window,) = windows(lines_of(TALK))
    text = grammar(window, TALK.speakers)
    assert '"T|6|"' in text
    assert '"T|7|"' not in text
    assert 'owner ::= "Maria" | "Tom" | "Henry"\n' in text


def test_asking_is_not_deciding_and_telling_is_no_task() -> None:
    talk = transcript("Ana: Could we sell the old desks?", "Ben: They come on Friday.")
    answer = "D|1|sell the old desks\nT|2|Ben|come on Friday|"
    notes = take_notes(RECORDING, talk, lambda: Scripted(answer))
    assert notes.decisions == notes.action_items == ()
    assert notes.dropped == 2


def test_words_that_decide_nothing_and_promises_to_wait_are_no_notes() -> None:
    talk = transcript(
        "Maria: Right, the flu vaccines, Femi, have they arrived.",
        "Femi: They came in yesterday.",
        "Tom: Maybe later, let me test the search first.",
        "Maria: We will buy six chairs.",
    )
    answer = "D|1|the flu vaccines\nT|3|Tom|test the search|\nD|4|buy six chairs"
    notes = take_notes(RECORDING, talk, lambda: Scripted(answer))
    assert [it.text for it in notes.decisions] == ["Buy six chairs."]
    assert not notes.action_items
    assert notes.dropped == 2


@pytest.mark.parametrize(
    ("recorded", "title"),
    [
        ("Weekly with Acme", "Weekly with Acme"),
        ("audio_2026-03-12", "Mobile routers"),
        ("GMT20240124-202901_Recording", "Mobile routers"),
    ],
)
def test_a_recording_without_a_telling_name_is_called_by_its_topics(
    recorded: str, title: str
) -> None:
    answer = "D|3|rent the mobile routers\nG|Mobile routers|They rent."
    notes = take_notes(replace(RECORDING, title=recorded), TALK, lambda: Scripted(answer))
    assert notes.title == title


def test_a_topic_in_words_that_nobody_said_is_no_title() -> None:
    nameless = replace(RECORDING, title="audio")
    assert take_notes(nameless, TALK, lambda: Scripted("G|Elephants|x")).title == "audio"


def test_a_name_in_the_grammar_cannot_break_out_of_it() -> None:
    lines = lines_of(transcript('A" | "x\\: Hello.'))
    (window,) = windows(lines)
    assert '"A\\" / \\"x\\\\"' in grammar(window, ())


def test_absent_people_who_are_called_may_own_tasks_and_mishearings_may_not() -> None:
    lines = [Line(0, "Ana", "Susan, can you call them? And Bem will help, on Monday.")]
    assert names_in(lines, ["Ana", "Ben"]) == ["Ana", "Susan"]


def test_malformed_lines_of_an_answer_are_passed_over() -> None:
    assert [n.kind for n in parse("none\nT|x|y\nX|1|a\nK|2|fine\nT|1|Al|do|")] == ["K", "T"]


def test_every_word_of_a_transcript_is_in_a_window() -> None:
    long = " ".join(f"word{i}" for i in range(500))
    talk = transcript("Ana: " + long, *(f"Ben: turn {i}." for i in range(95)))
    parts = windows(lines_of(talk))
    text = " ".join(window.text for window in parts)
    assert all(f"word{i}" in text for i in range(500))
    assert all(f"turn {i}." in text for i in range(95))
    assert all(len(window.lines) <= 10 for window in parts)


def test_ten_thousand_one_word_turns_and_emoji_and_rtl_text_are_few_lines_that_cite_all() -> None:
    talk = transcript(*(f"Ana: {word}" for word in ["שלום", "👍", "…", "no"] * 2_500))
    lines = lines_of(talk)
    assert len(lines) < 300
    cited = [segment for line in lines for segment in line.segments]
    assert cited == [n for n in range(10_000) if n % 4 in (0, 3)]
    assert lines[0].text.startswith("שלום no שלום")


def test_evidence_reaches_to_the_line_that_a_promise_points_to() -> None:
    lines = [Line(0, "A", "Please order the lamps."), Line(1, "B", "I will do that.")]
    assert support("order the lamps", [1], lines) == (0, 1)
    assert support("order the chairs and the tables", [1], lines) is None
    assert support("order the lamps", [7], lines) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", (3, 12)),
        ("by tomorrow", (3, 13)),
        ("by Friday", (3, 13)),
        ("on Thursday", (3, 19)),
        ("by next Monday", (3, 16)),
        ("by Monday evening", (3, 16)),
        ("this week", (3, 13)),
        ("by the end of the week", (3, 13)),
        ("next week", (3, 20)),
        ("in two weeks", (3, 26)),
        ("in 3 days", (3, 15)),
        ("by the end of the month", (3, 31)),
        ("next month", (4, 30)),
        ("on March third", (3, 3)),
        ("by the fifteenth", (3, 15)),
        ("by the tenth", (4, 10)),
        ("by April 2nd", (4, 2)),
        ("on the twenty first of May", (5, 21)),
        ("over the weekend", (3, 15)),
    ],
)
def test_a_date_in_words_is_resolved_against_the_meeting(text: str, day: tuple[int, int]) -> None:
    year = 2027 if day == (3, 3) else 2026
    assert resolve(text, date(2026, 3, 12)) == date(year, *day)


@pytest.mark.parametrize("text", ["soon", "as soon as possible", "for three weeks", "", "May be"])
def test_words_without_a_day_are_no_date(text: str) -> None:
    assert resolve(text, date(2026, 3, 12)) is None


@pytest.mark.parametrize(
    ("text", "deadline"),
    [
        ("Henry, please order it to-day.", "today"),
        ("I will write the list by next Monday.", "by next Monday"),
        ("We need it before the launch, really.", "before the launch"),
        ("We rented it for three weeks.", ""),
        ("I stood by the window.", "by the window"),
    ],
)
def test_the_words_of_a_deadline_are_found(text: str, deadline: str) -> None:
    assert deadline_in(text) == deadline


def test_a_model_that_follows_instructions_is_asked_for_each_section_once() -> None:
    spec = replace(STARTER, notes=NotesMethod.SCHEMA, adapter=None)
    model = Scripted(
        '[{"text": "The routers are rented.", "lines": [2]}]',
        "[]",
        '[{"text": "Rent the mobile routers", "lines": [2]},'
        ' {"text": "Buy a yacht", "lines": [1]}]',
        '[{"text": "Order the routers", "lines": [2, 3], "assignee": "Henry", "due": "today"},'
        ' {"text": "Order the routers", "lines": [2], "assignee": "Zoltan", "due": "in May"}]',
        '[{"text": "Who pays for the parking?", "lines": [4]}, {"text": "cut o',
        '{"title": "Router rental"}',
        spec=spec,
    )
    notes = take_notes(replace(RECORDING, title="audio_001"), TALK, lambda: model)
    assert model.context.count("[2] Maria: Then we will rent") == 1
    assert notes.title == "Router rental"
    assert [d.text for d in notes.decisions] == ["Rent the mobile routers"]
    assert notes.dropped == 1
    assert [(i.assignee, i.due) for i in notes.action_items] == [
        ("Henry", date(2026, 3, 12)),
        (None, None),
    ]
    assert [q.segments for q in notes.open_questions] == [(4,)]


def test_a_real_model_under_the_schema_gives_nothing_without_evidence(home: Path) -> None:
    """The starter without its adapter: it cannot do this, and so must not appear to."""
    spec = replace(STARTER, notes=NotesMethod.SCHEMA, adapter=None)
    generator = load_text_generator(spec, HardwareProfile(cpu_count=2, memory=1 << 33))
    assert generator is not None
    try:
        notes = take_notes(RECORDING, TALK, lambda: generator)
    finally:
        generator.close()
    known = {segment.id for segment in TALK.segments}
    for kind in (notes.summary, notes.decisions, notes.action_items, notes.open_questions):
        assert all(statement.segments and set(statement.segments) <= known for statement in kind)
    assert notes.coverage == (0.0, 29.0)
