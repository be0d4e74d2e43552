# ruff: noqa: E501 - one case a line
"""Files as the platforms and people's disks have them: right speakers and times, or a refusal."""

from __future__ import annotations

import io
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import docx
import pytest

from sottovoce import ImportedMeeting, TranscriptError
from sottovoce.home import find_home
from sottovoce.host import Host
from sottovoce_integrations import importers

GUID = "0f1d2c3b-aaaa-bbbb-cccc-123456789012"


def word(*paragraphs: str) -> bytes:
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    importer: str
    turns: tuple[tuple[str | None, float], ...] = ()
    """Speaker and start of each segment; none: refused"""


VTT = "WEBVTT\n\n"
TEAMS = (
    f"{VTT}{GUID}/10-0\n00:00:01.000 --> 00:00:02.000\n<v Kyle Crowther>Hello all.</v>\n\n"
    f"{GUID}/11-0\n00:00:03.500 --> 00:00:05.000\n<v Ana López>Hi Kyle.</v>\n"
)
ZOOM = (
    f"{VTT}1\n00:00:01.000 --> 00:00:02.000\nYuki Wang: Hello all.\n\n"
    "2\n00:00:03.500 --> 00:00:05.000\nAna López: Hi Yuki.\n"
)
SRT = (
    "1\n00:00:01,000 --> 00:00:02,000\nAna López: Hello.\n\n"
    "2\n00:00:03,500 --> 00:00:05,000\nTom: Hi Ana.\n"
)
MEET = "Standup - 2024/12/07 12:15 EST - Transcript".replace("/", "／")
MEET_TEXT = (
    "Standup\nAttendees\nAna López, Tom Berg, Mia\nTranscript\n"
    "00:00:00\n\nAna López: Hello.\nTom Berg: Hi Ana.\n00:05:00\nAna López: Still here.\n"
    "Meeting ended after 00:06:00\n"
)
K, A, T, Y = "Kyle Crowther", "Ana López", "Tom Berg", "Yuki Wang"
TWO = ((K, 1.0), (A, 3.5))
CLOUD = "GMT20240124-202901_Recording"
CASES = [
    Case("Weekly.vtt", TEAMS.encode(), "teams", TWO),
    Case("bom.vtt", b"\xef\xbb\xbf" + TEAMS.encode(), "teams", TWO),
    Case("crlf.vtt", TEAMS.replace("\n", "\r\n").encode(), "teams", TWO),
    Case("cr.vtt", TEAMS.replace("\n", "\r").encode(), "teams", TWO),
    Case("utf16.vtt", TEAMS.encode("utf-16"), "teams", TWO),
    Case("utf16be.vtt", TEAMS.encode("utf-16-be"), "teams", TWO),
    Case("cp1252.vtt", TEAMS.encode("cp1252"), "teams", TWO),
    Case("no-close.vtt", TEAMS.replace("</v>", "").encode(), "teams", TWO),
    Case("class.vtt", TEAMS.replace("<v ", "<v.loud ").encode(), "teams", TWO),
    Case("two-lines.vtt", TEAMS.replace("Kyle ", "Kyle\n").encode(), "teams", TWO),
    Case("tag-lines.vtt", TEAMS.replace("Hello all.</v>", "Hello\nall.\n</v>").encode(), "teams", TWO),
    Case("no-name.vtt", TEAMS.replace("<v Kyle Crowther>", "<v >").encode(), "teams", ((None, 1.0), (A, 3.5))),
    Case("no-speaker.vtt", TEAMS.replace("<v Kyle Crowther>Hello all.</v>", "Hello all.").encode(), "teams", ((None, 1.0), (A, 3.5))),
    Case("disorder.vtt", (VTT + TEAMS.split("\n\n")[2] + "\n\n" + TEAMS.split("\n\n")[1] + "\n").encode(), "teams", TWO),
    Case("no-header.vtt", TEAMS.removeprefix(VTT).encode(), "teams", TWO),
    Case("no-blank.vtt", TEAMS.replace("</v>\n\n", "</v>\n").encode(), "teams", TWO),
    Case("cut.vtt", TEAMS.encode()[:-12], "teams", TWO),
    Case("cut-time.vtt", TEAMS.encode()[: TEAMS.encode().index(b"--> 00:00:05")], "teams", TWO[:1]),
    Case("twice.vtt", (TEAMS + "\n" + TEAMS.split("\n\n")[1] + "\n").encode(), "teams", TWO),
    Case("settings.vtt", TEAMS.replace("02.000\n", "02.000 align:start position:10%\n").encode(), "teams", TWO),
    Case("note.vtt", TEAMS.replace(VTT, f"{VTT}NOTE duration:\"00:10\"\n\nSTYLE\n::cue {{}}\n\n").encode(), "teams", TWO),
    Case("entity.vtt", TEAMS.replace("Crowther", "&amp; Co").encode(), "teams", (("Kyle & Co", 1.0), (A, 3.5))),
    Case("two-voices.vtt", f"{VTT}00:01.000 --> 00:03.000\n<v Ana>Yes no.</v><v Tom>Yes no.</v>\n".encode(), "teams", (("Ana", 1.0), ("Tom", 2.0))),
    Case("hours.vtt", f"{VTT}10:00:01.000 --> 10:00:03.000\n<v Ana>Late.\n".encode(), "teams", (("Ana", 36001.0),)),
    Case("arrows.docx", word("0:0:5.100 --> 0:0:8.250", K, "Hello all.", "0:1:2.5 --> 0:1:4.0", A, "Hi."), "teams", ((K, 5.1), (A, 62.5))),
    Case("one-paragraph.docx", word(f"0:0:5.100 --> 0:0:8.250\n{K}\nHello all."), "teams", ((K, 5.1),)),
    Case("stamps.docx", word(f"{K}   0:11", "Hello all.", f"{A}   1:02:03", "Hi."), "teams", ((K, 11.0), (A, 3723.0))),
    Case("wide.docx", word(f"{K}   0：11", "Hello all.", f"{A}   1：02", "Hi."), "teams", ((K, 11.0), (A, 62.0))),
    Case(f"{CLOUD}.transcript.vtt", ZOOM.encode(), "zoom", ((Y, 1.0), (A, 3.5))),
    Case(f"{CLOUD}.cc.vtt", ZOOM.replace("\n", "\r\n").encode(), "zoom", ((Y, 1.0), (A, 3.5))),
    Case(f"{CLOUD}.vtt", ZOOM.replace("Yuki Wang: ", "").encode(), "zoom", ((None, 1.0), (A, 3.5))),
    Case(f"{MEET}.txt", MEET_TEXT.encode(), "meet", ((A, 0.0), (T, 100.0), (A, 300.0))),
    Case(f"{MEET}.docx", word(*MEET_TEXT.split("\n")), "meet", ((A, 0.0), (T, 100.0), (A, 300.0))),
    Case("Standup (2025-03-25 21:51 GMT-4).sbv".replace(":", "_"), b"00:00:20.906,00:00:23.906\nDoge: text.\n\n00:00:30.000,00:00:31.000\nAna: yes.\n", "meet", (("Doge", 20.906), ("Ana", 30.0))),
    Case("plain.sbv", b"0:00:20.906,0:00:23.906\nDoge: text.\n", "subtitles", (("Doge", 20.906),)),
    Case("talk.srt", SRT.encode(), "subtitles", ((A, 1.0), ("Tom", 3.5))),
    Case("latin.srt", SRT.encode("latin-1"), "subtitles", ((A, 1.0), ("Tom", 3.5))),
    Case("dots.srt", SRT.replace(",", ".").encode(), "subtitles", ((A, 1.0), ("Tom", 3.5))),
    Case("colon.srt", b"1\n00:00:01,000 --> 00:00:02,000\nHere is the plan: we go.\n\n2\n00:00:03,000 --> 00:00:04,000\nFine.\n\n3\n00:00:05,000 --> 00:00:06,000\nGood.\n", "subtitles", ((None, 1.0), (None, 3.0), (None, 5.0))),
    Case("broken-off.srt", b"1\n00:00:01,000 --> 00:00:02,000\nAna: We will go\n\n2\n00:00:02,000 --> 00:00:03,000\nAna: home now.\n", "subtitles", (("Ana", 1.0),)),
    Case("brackets.txt", b"[00:05] Ana: Hello.\n[00:09] Tom: Hi.\n", "subtitles", (("Ana", 5.0), ("Tom", 9.0))),
    Case("after.txt", b"Ana (00:05): Hello.\nTom (01:00:09): Hi.\n", "subtitles", (("Ana", 5.0), ("Tom", 3609.0))),
    Case("blocks.txt", b"Ana  0:05\nHello.\nHow are you?\n\nTom  0:09\nHi.\n", "subtitles", (("Ana", 5.0), ("Tom", 9.0))),
    Case("no-times.txt", b"Ana: One two three four five.\nTom: Hi.\nAna: Bye.\nTom: Bye.\n", "subtitles", (("Ana", 0.0), ("Tom", 2.0), ("Ana", 2.4), ("Tom", 2.8))),
    Case("empty.vtt", b"", "subtitles"),
    Case("header-only.vtt", VTT.encode(), "subtitles"),
    Case("binary.srt", bytes(range(256)) * 4, "subtitles"),
    Case("cyrillic.srt", "1\n00:00:01,000 --> 00:00:02,000\nПривет всем, начинаем.\n".encode("cp1251"), "subtitles"),
    Case("impossible.srt", b"1\n999:99:99,000 --> 999:99:99,900\nAna: Hello.\n", "subtitles"),
    Case(f"{MEET} cut.docx".replace(" cut", ""), word(*MEET_TEXT.split("\n"))[:900], "meet"),
    Case("Standup - 2024_12_07 12_15 EST - Notes by Gemini.docx", word("Summary", "It went well."), "meet"),
]  # fmt: skip


@pytest.fixture
def reading(home: Path) -> Host:
    host = Host(find_home())
    host.plugins.register(importers, "importers")
    return host


def read(host: Host, path: Path) -> tuple[str, ImportedMeeting]:
    claimed = host.importer(path)
    assert claimed is not None, f"nothing imports {path.name}"
    return claimed[0].name, claimed[0].read(claimed[1])


def test_the_corpus_is_large_enough() -> None:
    assert len({case.data for case in CASES}) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_corpus(case: Case, reading: Host, tmp_path: Path) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.data)
    if not case.turns:
        with pytest.raises(TranscriptError, match=r".+"):
            read(reading, path)
        return
    importer, meeting = read(reading, path)
    assert importer == case.importer
    assert [(it.speaker, it.start) for it in meeting.segments] == list(case.turns)
    assert all(it.end >= it.start and it.text for it in meeting.segments)
    assert path.read_bytes() == case.data


@pytest.mark.parametrize(
    "text", ["Shopping: milk\nbread\n", "Dear Ana,\n\nsee you at 10:00.\n\nTom\n", "", "a\x00b"]
)
def test_a_text_that_is_no_transcript_is_left_alone(
    text: str, reading: Host, tmp_path: Path
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text(text)
    assert reading.importer(path) is None


def test_a_zoom_folder_is_one_meeting(reading: Host, tmp_path: Path) -> None:
    folder = tmp_path / "2026-09-15 23.59.50 Acme Weekly 81234567890"
    folder.mkdir()
    for name in ("video98796876.mp4", "audio98796876.m4a", "audioSaraKim98796876.m4a"):
        (folder / name).write_bytes(b"sound")
    (folder / "chat.txt").write_text("23:59:59\t From  Mia Ray : hello\n")
    captions = folder / "meeting_saved_closed_caption.txt"
    captions.write_text("[Sara Kim] 23:59:55\nMorning.\n\n[Tom] 00:00:05\nHello.\n")
    claims = {reading.importer(path)[1] for path in (folder, *folder.iterdir())}  # type: ignore[index]
    assert claims == {folder}
    _, meeting = read(reading, folder)
    assert (meeting.title, meeting.title_given) == ("Acme Weekly", True)
    assert meeting.started_at == datetime(2026, 9, 15, 23, 59, 50).astimezone()
    assert [(it.speaker, it.start) for it in meeting.segments] == [("Sara Kim", 5.0), ("Tom", 15.0)]
    assert meeting.path == folder / "audio98796876.m4a"
    assert set(meeting.participants) == {"Sara Kim", "Tom", "Mia Ray"}
    assert set(meeting.files) == set(folder.iterdir())
    captions.unlink()
    _, meeting = read(reading, folder)
    assert [it.label for it in meeting.tracks] == ["Sara Kim"]
    (folder / "double_click_to_convert_01.zoom").write_bytes(b"x")
    with pytest.raises(TranscriptError, match="not converted"):
        read(reading, folder)


def test_a_recording_goes_with_the_transcript_beside_it(reading: Host, tmp_path: Path) -> None:
    recording = tmp_path / "Daily-20260317_005925UTC-Meeting Recording.mp4"
    recording.write_bytes(b"sound")
    _, meeting = read(reading, recording)
    assert (meeting.title, meeting.segments) == ("Daily", ())
    assert meeting.started_at == datetime(2026, 3, 17, 0, 59, 25, tzinfo=UTC)
    transcript = tmp_path / "Daily.vtt"
    transcript.write_text(TEAMS)
    for path in (recording, transcript):
        _, meeting = read(reading, path)
        assert (meeting.path, len(meeting.segments)) == (recording, 2)
    # Of a weekly meeting's recordings, a subject alone says nothing.
    (tmp_path / "Daily-20260324_005925UTC-Meeting Recording.mp4").write_bytes(b"sound")
    assert read(reading, transcript)[1].path == transcript


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("A - 2024／12／07 12:15 EST - Transcript", datetime(2024, 12, 7, 17, 15, tzinfo=UTC)),
        ("A (2025-03-25 21:51 GMT-4) - Transcript", datetime(2025, 3, 26, 1, 51, tzinfo=UTC)),
        ("A - 2026_03_10 10_58 SAST - Transcript", datetime(2026, 3, 10, 8, 58, tzinfo=UTC)),
    ],
)
def test_meet_says_when(name: str, start: datetime, reading: Host, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.txt"
    path.write_text(MEET_TEXT)
    _, meeting = read(reading, path)
    assert (meeting.title, meeting.started_at) == ("A", start)
    assert meeting.participants == ("Ana López", "Tom Berg", "Mia")


def test_a_transcript_eight_times_as_long_takes_about_eight_times_as_long(
    reading: Host, tmp_path: Path
) -> None:
    def took(count: int) -> float:
        path = tmp_path / f"{count}.vtt"
        cues = (
            f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000 --> 99:00:00.000\n<v Ana>Word {n}.\n"
            for n in range(count)
        )
        path.write_text(VTT + "\n".join(cues))
        began = time.process_time()
        assert len(read(reading, path)[1].segments) == count
        return time.process_time() - began

    took(500)
    assert took(8000) < 20 * took(1000)


def test_nothing_but_a_result_or_a_refusal_on_mutated_files(reading: Host, tmp_path: Path) -> None:
    dice = random.Random(9)
    refused: list[str] = []
    read_well = 0
    for number in range(2000):
        case = CASES[number % len(CASES)]
        data = bytearray(case.data)
        for _ in range(dice.randint(1, 8)):
            place = dice.randrange(len(data) + 1)
            match dice.randrange(4):
                case 0:
                    data[place : place + dice.randint(1, 20)] = b""
                case 1:
                    data[place:place] = dice.randbytes(dice.randint(1, 4))
                case 2:
                    data[place:place] = dice.choice(
                        [
                            b"<v ",
                            b"-->",
                            b"\n\n",
                            b"\r",
                            b"\xff\xfe",
                            b"99:99:99",
                            b":",
                            b"\x00",
                            b"[",
                        ]
                    )
                case _:
                    data[place : place + 1] = dice.randbytes(1)
        path = tmp_path / case.name
        path.write_bytes(data)
        try:
            claimed = reading.importer(path)
            meeting = claimed[0].read(claimed[1]) if claimed else None
        except TranscriptError as error:
            refused.append(str(error))
        else:
            read_well += meeting is not None
            for segment in meeting.segments if meeting else ():
                assert 0 <= segment.start <= segment.end
                assert segment.text
        path.unlink()
    assert not reading.plugins.failures
    assert len(refused) > 100
    assert not [it for it in refused if "\n" in it]
    assert read_well > 500
