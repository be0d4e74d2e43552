from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sottovoce import Production, Recording, Segment, Transcript
from sottovoce.errors import UsageError
from sottovoce.home import find_home
from sottovoce.library import Library, Query

from .benchmarks import bench_search
from .conftest import Sample, sotto

MADE = Production(stage="transcription", engine="e", version="1", model="m", seconds=1.0)


def add(library: Library, day: str, *turns: str, title: str = "Weekly") -> str:
    meeting = f"{abs(hash((day, turns))):016x}"[:8]
    library.add(
        Recording(
            id=meeting,
            title=title,
            path=Path(f"/{meeting}.wav"),
            source="recorded-file",
            started_at=datetime.fromisoformat(f"{day}T10:00:00").replace(tzinfo=UTC),
            sha256=meeting,
        )
    )
    pairs = [turn.split(": ", 1) for turn in turns]
    segments = tuple(
        Segment(id=n, start=n * 5.0, end=n * 5.0 + 4, text=text, speaker=speaker)
        for n, (speaker, text) in enumerate(pairs)
    )
    transcript = Transcript(recording_id=meeting, language="en", segments=segments)
    library.complete_transcript(transcript, 60.0, MADE)
    return meeting


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library.sqlite3")


def texts(library: Library, text: str, **filters: object) -> list[str]:
    return [hit.text for hit in library.search(Query(text=text, **filters))]  # type: ignore[arg-type]


def test_all_words_must_be_there_and_a_phrase_in_its_order(library: Library) -> None:
    add(
        library,
        "2026-03-12",
        "Ana: The budget for the hall is tight.",
        "Ben: The hall has no budget.",
        "Ana: The Café is nice.",
    )
    assert len(texts(library, "BUDGET hall")) == 2
    assert texts(library, '"budget for the hall"') == ["The budget for the hall is tight."]
    assert texts(library, "cafe") == ["The Café is nice."]
    assert texts(library, "budget café") == []


def test_filters_by_day_speaker_tag_and_meeting(library: Library) -> None:
    old = add(library, "2025-01-02", "Ana: budget one")
    new = add(library, "2026-01-02", "Élodie: budget two", "Ana: budget three")
    library.tag(new, "Board")
    assert texts(library, "budget", until=date(2025, 12, 31)) == ["budget one"]
    assert texts(library, "budget", since=date(2026, 1, 2), speaker="élo") == ["budget two"]
    assert texts(library, "budget", tags=("BOARD",), speaker="ana") == ["budget three"]
    assert texts(library, "budget", meeting=old) == ["budget one"]
    library.untag(new, "board")
    assert texts(library, "budget", tags=("board",)) == []


def test_what_was_typed_is_never_an_operator(library: Library) -> None:
    add(library, "2026-01-02", "Ana: NOT the end, AND more: a*b", "Ben: 100% sure_thing")
    assert texts(library, "NOT AND") == ["NOT the end, AND more: a*b"]
    assert texts(library, 'a* NEAR( "') == []
    assert texts(library, "100%") == ["100% sure_thing"]
    for nothing in ("", '""', "👍 — !"):
        with pytest.raises(UsageError, match="no word to search for"):
            library.search(Query(text=nothing))


def test_matches_say_where_the_words_stand(library: Library) -> None:
    add(library, "2026-01-02", "Ana: Ärger über den Ärger, ärgerlich")
    (hit,) = library.search(Query(text="arger"))
    assert [hit.text[a:b] for a, b in hit.matches] == ["Ärger", "Ärger"]
    assert (hit.segment, hit.start, hit.speaker) == (0, 0.0, "Ana")


def test_words_next_to_each_other_rank_before_words_far_apart(library: Library) -> None:
    far = "Ana: Budget " + "and so on and so forth " * 20 + "review."
    add(library, "2026-01-03", far)
    add(library, "2026-01-02", "Ana: The budget review comes next.")
    assert texts(library, "budget review")[0] == "The budget review comes next."


def test_renamed_speakers_and_deleted_meetings_are_as_the_library_is(library: Library) -> None:
    meeting = add(library, "2026-01-02", "Ana: budget")
    library.rename_speaker(meeting, "Ana", "Zoë")
    assert texts(library, "budget", speaker="zoë") == ["budget"]
    library.delete(meeting)
    assert texts(library, "budget") == []


def test_a_common_word_is_found_behind_any_filter(tmp_path: Path) -> None:
    """The index gives the newest first; what a filter lets through may be older than those."""
    path = tmp_path / "library.sqlite3"
    bench_search.build(path, 60, 100)
    with Library(path) as library:
        for name, query in bench_search.QUERIES.items():
            hits = library.search(query)
            expected = name not in ("a word that nobody said", "a common word in an old year")
            if "rare word" not in name:
                assert bool(hits) == expected, name
        oldest = library.search(Query(text="w0", tags=("oldest",), speaker="édith"))
        assert len(oldest) == 20
        assert {hit.speaker for hit in oldest} == {"Édith"}
        assert all(int(hit.meeting_id, 16) < 10 for hit in oldest)


def test_the_command_shows_where_it_was_said(processed: Sample) -> None:
    spoken = processed.result["transcript"]["segments"][2]
    word = max(spoken["text"].split(), key=len).strip(".,?!")
    ran = sotto("search", word, "--json", home=processed.home)
    hit = next(it for it in ran.json if it["segment"] == 2)
    assert hit["text"] == spoken["text"]
    assert hit["place"].startswith("file:///")
    assert hit["place"].endswith(f"#t={spoken['start']:.0f}")
    shown = sotto("search", word, home=processed.home)
    assert word in shown.out
    assert sotto("search", "elephants", home=processed.home).out.startswith("Nobody said")


def test_bad_filters_are_refused_in_one_line(home: Path) -> None:
    ran = sotto("search", "x", "--since", "yesterday", home=home)
    assert (ran.status, "no date like" in ran.err) == (2, True)
    ran = sotto("search", "!!", home=home)
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert find_home()


def test_tags_are_given_and_taken_by_command(processed_excerpt: Sample) -> None:
    meeting = processed_excerpt.result["meeting"]["id"]
    ran = sotto("meetings", "tag", meeting, "Board", "q1 review", home=processed_excerpt.home)
    assert ran.out.split("\n")[:2] == ["board", "q1 review"]
    ran = sotto("meetings", "untag", meeting, "BOARD", "q1 review", home=processed_excerpt.home)
    assert (ran.status, ran.out) == (0, "")
