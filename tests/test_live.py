"""A meeting that is accompanied: captions by side, suggestions, answers, prepared notes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import jiwer
import numpy as np
import pytest
from scipy.signal import resample_poly

from sottovoce import (
    Cancelled,
    Caption,
    EngineError,
    Evidence,
    LiveControls,
    LiveState,
    LiveView,
    Suggestion,
    SuggestionKind,
    SuggestionOverlay,
    UsageError,
    hookimpl,
    testing,
)
from sottovoce.home import VARIABLE, find_home
from sottovoce.host import Host
from sottovoce.library import Library
from sottovoce.live.assistant import GUIDANCE, Assistant
from sottovoce.live.drafts import NOT_SAID, Draft, Maker
from sottovoce.live.moments import Moment, question
from sottovoce.live.overlays import Overlays, find
from sottovoce.live.own import OwnNotes
from sottovoce.live.places import AGENDA, OWN, Places
from sottovoce.live.power import Power, pace
from sottovoce.live.quoting import Quoting
from sottovoce.live.said import Said
from sottovoce.live.suggester import Suggester
from sottovoce.notes import Request
from sottovoce.notes.ahead import Ahead
from sottovoce.transcription import Heard
from sottovoce.values import ModelTask

from .conftest import command
from .rig import MISSING, Rig
from .test_captions import TURNS, host, plain, sides  # noqa: F401 - a fixture among them
from .test_record import match, track, wait_for

MAINS = Power()

MEETING = [
    ("Them", "Good morning. Let us talk about the contract with the hotel."),
    ("Me", "The hotel offers forty rooms for ninety euros each."),
    ("Them", "The dinner costs two thousand euros without the wine."),
    ("Me", "I find that quite a lot of money for a dinner."),
    ("Them", "What was the price of the hotel rooms?"),
]


def say(said: Said, who: str, text: str, start: float, end: float | None = None) -> None:
    number = said.speakers.index(who)
    end = start + 4 if end is None else end
    said.take(Caption(track=number, start=start, end=end, text=text, final=True))


def meeting(turns: list[tuple[str, str]] = MEETING) -> Said:
    said = Said(["Me", "Them"])
    for number, (who, text) in enumerate(turns):
        say(said, who, text, number * 10.0)
    return said


class Scripted(Maker):
    """Takes its time, step by step, and tells what became of it."""

    def __init__(self, steps: int = 1) -> None:
        self.steps = steps
        self.made: list[Moment] = []
        self.stopped: list[Moment] = []
        self.step = threading.Semaphore(0)
        self.stops = 0
        self.fails: list[EngineError] = []

    def make(self, moment: Moment) -> Iterator[Draft | None]:
        self.made.append(moment)
        if self.fails:
            raise self.fails.pop()
        try:
            for _ in range(self.steps):
                self.step.acquire(timeout=10)
                yield None
        except GeneratorExit:
            self.stopped.append(moment)
            raise
        yield Draft(f"About: {moment.about}", (Evidence(start=1, speaker="Me", text="x"),))

    def answer(self, question: str) -> Iterator[Draft | None]:
        yield Draft("Yes", (), complete=False)
        yield Draft("Yes, it was.", ())

    def stop(self) -> None:
        self.stops += 1
        self.step.release()

    def close(self) -> None: ...


@contextmanager
def suggesting(
    said: Said, maker: Maker, power: Power = MAINS, *, on: bool = True
) -> Iterator[tuple[Suggester, list[str]]]:
    told: list[str] = []
    suggester = Suggester(
        said, lambda: maker, told.append, lambda error: True, on=on, power=lambda: power
    )
    try:
        yield suggester, told
    finally:
        suggester.close()


def test_a_question_is_found_in_what_was_said() -> None:
    assert question("Yes, please. What was the price of the rooms?") == (
        "What was the price of the rooms?"
    )
    assert question("could you send it to me by Friday") == "could you send it to me by Friday"
    assert question("That is what we said. Good.") == ""
    assert question("Really?") == ""


def test_a_question_of_the_others_has_a_suggestion_and_ones_own_has_none() -> None:
    said, maker = Said(["Me", "Them"]), Scripted(steps=0)
    with suggesting(said, maker) as (suggester, _):
        say(said, "Me", "What was the price of the rooms?", 1)
        say(said, "Them", "Thanks. What was the price of the rooms?", 10)
        wait_for(lambda: suggester.suggestions)
        (found,) = suggester.suggestions
    assert found.kind is SuggestionKind.QUESTION
    assert found.about == "What was the price of the rooms?"
    assert found.timestamp == 14
    assert found.evidence


def test_what_is_stale_is_stopped_and_never_shown() -> None:
    said, maker = Said(["Me", "Them"]), Scripted(steps=50)
    with suggesting(said, maker) as (suggester, _):
        say(said, "Them", "What was the price of the rooms?", 1)
        wait_for(lambda: maker.made)
        say(said, "Me", "It was ninety euros for each of the forty rooms.", 6)
        wait_for(lambda: maker.stopped)
        time.sleep(0.2)
        assert not suggester.suggestions
        assert maker.stopped[0].kind is SuggestionKind.QUESTION
        suggester.suggest(9.0)
        wait_for(lambda: len(maker.made) == 2)
        waiting = suggester.suggestions[-1]
        assert (waiting.text, waiting.complete) == ("", False)
        suggester.dismiss(waiting.id)
        wait_for(lambda: len(maker.stopped) == 2)
        assert suggester.suggestions == ()


def test_turned_off_it_stops_and_an_answer_is_given_all_the_same() -> None:
    said, maker = Said(["Me", "Them"]), Scripted(steps=50)
    with suggesting(said, maker) as (suggester, _):
        say(said, "Them", "What was the price of the rooms?", 1)
        wait_for(lambda: maker.made)
        suggester.turn(False)
        wait_for(lambda: maker.stopped)
        say(said, "Them", "And what does the dinner cost us?", 10)
        suggester.ask("Was it?", 12.0)
        wait_for(lambda: [it for it in suggester.suggestions if it.complete])
        assert [it.text for it in suggester.suggestions] == ["Yes, it was."]
        assert len(maker.made) == 1
        assert suggester.shown == "off"


def test_suggestions_do_not_follow_each_other_closely_and_are_not_repeated() -> None:
    said, maker = Said(["Me", "Them"]), Scripted(steps=0)
    with suggesting(said, maker) as (suggester, _):
        say(said, "Them", "What was the price of the rooms?", 1)
        wait_for(lambda: suggester.suggestions)
        say(said, "Them", "And what does the dinner cost us?", 6)
        time.sleep(1)
        assert len(maker.made) == 1


def test_on_battery_they_are_fewer_and_the_person_sees_why() -> None:
    asked = SuggestionKind.QUESTION
    assert pace(MAINS).kinds == {SuggestionKind.TURN, asked}
    assert pace(MAINS).shown == "on"
    saving = pace(Power(on_battery=True, percent=80))
    assert saving.kinds == {asked}
    assert saving.every == 60.0
    assert "on battery" in saving.shown
    low = Power(on_battery=True, percent=20)
    said, maker = Said(["Me", "Them"]), Scripted(steps=0)
    with suggesting(said, maker, low) as (suggester, _):
        say(said, "Them", "What was the price of the rooms?", 1)
        time.sleep(0.3)
        assert not maker.made
        assert suggester.shown == "battery below 30 %: on request only"
        suggester.suggest(5.0)
        wait_for(lambda: [it for it in suggester.suggestions if it.complete])


def test_an_engine_that_fails_is_asked_again_for_what_a_person_wants() -> None:
    said, maker = Said(["Me", "Them"]), Scripted(steps=0)
    maker.fails.append(EngineError("it died"))
    with suggesting(said, maker) as (suggester, _):
        suggester.suggest(5.0)
        wait_for(lambda: [it for it in suggester.suggestions if it.complete])
    assert len(maker.made) == 2


def test_the_starter_quotes_what_answers_and_says_nothing_else(
    host: Host,  # noqa: F811
) -> None:
    host.library.meetings()
    said = meeting()
    generator = host.load_text_generator(host.starter(ModelTask.GENERATION))
    written = {OWN: "- The wine is paid by the sponsor", AGENDA: ""}
    places = Places(said, host.home.library, lambda: written)
    maker = Quoting(said, places, lambda: generator, "Me")

    def made(kind: SuggestionKind, about: str, *, mine: bool = False) -> list[Draft]:
        wanted = Moment(kind=kind, about=about, at=100.0, began=0.0, own=mine)
        return [it for it in maker.make(wanted) if it is not None]

    try:
        (draft,) = made(SuggestionKind.QUESTION, MEETING[-1][1])
        assert draft.text == "Me: “The hotel offers forty rooms for ninety euros each.”"
        assert draft.evidence[0].start == 10.0
        assert made(SuggestionKind.QUESTION, "Which train goes to Vienna?") == []
        (noted,) = made(SuggestionKind.QUESTION, "Who pays for the wine?")
        assert [it.meeting for it in noted.evidence] == ["", "your notes"]
        written[AGENDA] = "# Weekly\n* The insurance of the minibus"  # as if it was noted now
        (planned,) = made(SuggestionKind.QUESTION, "What about the insurance of the minibus?")
        assert planned.text == "The agenda: “The insurance of the minibus”"
        say(said, "Me", "I will send the signed contract to the hotel by Friday.", 60.0)
        (promise,) = made(SuggestionKind.TURN, said.segments[-1].text, mine=True)
        assert promise.text.startswith("You take on: send the signed contract")
        assert promise.evidence[-1].start == 60.0
        assert list(maker.answer("Which train goes to Vienna?")) == [Draft(NOT_SAID, ())]
        # What is stopped has stopped in the engine: the thread that waits for it knows at once.
        threading.Timer(0.2, maker.stop).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            made(SuggestionKind.TURN, said.segments[-1].text, mine=True)
        assert time.monotonic() - began < 2
    finally:
        maker.close()
        generator.close()


def test_a_killed_model_is_begun_anew_and_what_was_asked_for_comes(
    host: Host,  # noqa: F811
) -> None:
    told: list[str] = []
    host.library.meetings()
    said = meeting(MEETING[:4])  # after a question the model would not be asked

    def assistant() -> Assistant:
        spec = host.starter(ModelTask.GENERATION)
        return Assistant(
            host, spec, Request(), said, "en", lambda: 70.0, told.append, power=lambda: MAINS
        )

    first = assistant()
    assert told == [GUIDANCE]
    assert first.suggesting == "off"
    first.toggle()
    assert first.suggesting == "on"
    first.end(None)
    del host.config  # as read by the next start
    second = assistant()
    assert (second.suggesting, told) == ("on", [GUIDANCE])
    say(said, "Me", "I will send the signed contract to the hotel by Friday.", 60.0)
    os.kill(second._model.get().status()["pid"], signal.SIGKILL)  # type: ignore[attr-defined]
    second.suggest()
    wait_for(lambda: [it for it in second.suggestions if it.kind == "request" and it.complete], 60)
    assert "begun anew" in told[-1]
    second.ask("What was the price of the hotel rooms?")
    wait_for(lambda: [it for it in second.suggestions if it.kind == "answer" and it.complete])
    assert "forty rooms for ninety euros" in second.suggestions[-1].text
    heard = Heard(segments=said.segments, version="1", compute="", seconds=0.0)
    prepared = second.end(heard)
    assert prepared is not None
    assert isinstance(prepared.reader, Ahead)
    assert prepared.reader.answers()
    prepared.generator.close()


def test_echo_that_is_heard_before_its_source_is_taken_back() -> None:
    said = Said(["Me", "Them"])
    say(said, "Me", "we will rent the mobile routers tomorrow", 1.2)
    assert [it.speaker for it in said.captions()] == ["Me"]
    say(said, "Them", "We will rent the mobile routers tomorrow.", 1.0)
    assert [it.speaker for it in said.captions()] == ["Them"]


def test_notes_of_ones_own_are_on_the_disk_at_once(tmp_path: Path) -> None:
    said = meeting()
    own = OwnNotes(tmp_path, said.at)
    own.mark(12.0)
    own.note(13.0, " Ask for  a discount ")
    assert (tmp_path / "notes.md").read_text() == f"- {MEETING[1][1]}\n- Ask for a discount\n"
    assert own.marks == 1


class Recorded(SuggestionOverlay):
    def __init__(self, name: str, breaks: str = "") -> None:
        self.name = name  # type: ignore[misc]
        self.breaks = breaks
        self.calls: list[str] = []
        self.threads: set[int] = set()

    def _call(self, what: str) -> None:
        self.calls.append(what)
        self.threads.add(threading.get_ident())
        if what.startswith(self.breaks or "-"):
            raise ValueError("broken")

    def open(self, controls: LiveControls) -> None:
        self._call("open")

    def update(self, view: LiveView) -> None:
        self._call(f"update {view.seconds:g}")

    def show(self, suggestion: Suggestion) -> None:
        self._call(f"show {suggestion.text}")

    def close(self) -> None:
        self._call("close")


@pytest.mark.parametrize("breaks", ["open", "update", "show"])
def test_an_overlay_that_fails_is_named_and_the_others_go_on(tmp_path: Path, breaks: str) -> None:
    good, bad = Recorded("good"), Recorded("bad", breaks)

    class Plugin:
        @hookimpl
        def register_suggestion_overlays(self) -> list[SuggestionOverlay]:
            return [good, bad]

    view = LiveView(title="", state=LiveState.RECORDING, seconds=1.0, levels=())
    told: list[str] = []
    with testing.empty_host(tmp_path) as empty:
        empty.plugins.register(Plugin(), "both")
        with pytest.raises(UsageError, match="no overlay 'x'; known: bad, good"):
            find(empty, ["x"])
        overlays = Overlays(find(empty, ["good", "bad"]), None, told.append)  # type: ignore[arg-type]
        overlays.update(view)
        wait_for(lambda: "update 1" in good.calls)
        suggestion = Suggestion(text="so", timestamp=1.0)
        overlays.update(replace(view, seconds=2.0, suggestions=(suggestion,)))
        wait_for(lambda: "show so" in good.calls)
        wait_for(lambda: overlays.open == ["good"])
        overlays.close()
        assert [it.plugin for it in empty.plugins.failures] == ["both"]
    assert good.calls == ["open", "update 1", "update 2", "show so", "update 2", "close"]
    assert "bad" in told[0]
    assert "broken" in told[0]
    assert bad.calls[-1] == "close"
    assert len(good.threads) == len(bad.threads) == 1


@pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)} on this machine")
def test_a_meeting_of_two_sides_is_recorded_captioned_and_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    tracks = sides()
    raw = tmp_path / "both.raw"
    both = [resample_poly(tracks[name], 3, 1) for name in ("Me", "Them")]
    raw.write_bytes((np.stack(both, 1) * 32767).astype("<i2").tobytes())
    with Rig() as rig:
        # Both sides of one player: whatever is between them in the recording, the recorder made.
        rig.pactl("load-module", "module-null-sink", "sink_name=stage", "rate=48000", "channels=2")
        for name, side in (("stage_mic", "left"), ("stage_out.monitor", "right")):
            rig.pactl("load-module", "module-remap-source", f"source_name={name}", "channels=1",
                      f"master_channel_map=front-{side}", "channel_map=mono", "remix=no",
                      "master=stage.monitor")  # fmt: skip
        rig.play_raw(Path("/dev/zero"), "stage", "--latency-msec=20")
        process = subprocess.Popen(
            command("live", "--recordings", tmp_path / "r", "--to", tmp_path / "notes",
                    "--microphone", "stage_mic", "--loopback", "stage_out.monitor"),
            env={**os.environ, **rig.environment}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for(lambda: len(list((tmp_path / "r").glob("*/*.wav"))) == 2, 60)
        time.sleep(2)
        rig.play_raw(raw, "stage", "--channels=2").wait()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        ended = time.monotonic()
        assert process.stdout is not None
        note = process.stdout.readline()
        took = time.monotonic() - ended
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert Path(note.strip()).exists()
    home = find_home()
    with Library(home.library) as library:
        (found,) = library.meetings()
        segments = library.transcript(found.id).segments
        stages = library.stages(found.id)
    # Both sides, all of them as they were played, and together.
    (recording,) = (tmp_path / "r").glob("*.mka")
    places = [match(track(recording, n), tracks[name]) for n, name in enumerate(("Me", "Them"))]
    assert min(it for it, _ in places) > 0.95, places
    assert abs(places[0][1] - places[1][1]) < 0.020, places
    # What was said, and by whom: a word on the wrong side is missing on its own.
    right = total = wrong = spoken = 0
    for side in ("Me", "Them"):
        said = " ".join(plain(it.text) for it in segments if it.speaker == side)
        wanted = " ".join(words for name, _, _, words in TURNS if name == side)
        measured = jiwer.process_words(wanted, said)
        wrong += measured.substitutions + measured.deletions + measured.insertions
        spoken += len(wanted.split())
        other = " ".join(words for name, _, _, words in TURNS if name != side).split()
        strange = [word for word in said.split() if word not in wanted.split() and word in other]
        right += len(said.split()) - len(strange)
        total += len(said.split())
        assert f"{side}: " in err
    assert wrong <= 0.15 * spoken, [it.text for it in segments]
    assert right >= 0.95 * total
    # Where more runs than there are cores for, captions come late, and so does all that follows.
    late = stages["transcription"].seconds if os.getloadavg()[0] > 2 * (os.cpu_count() or 1) else 0
    assert took <= 3 + stages["notes"].seconds + late, (took, stages)
    assert "suggestions are off" in err
