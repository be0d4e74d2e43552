"""For the tests of plugins: an empty host, engines that need no model, and sample values.

    from sottovoce import testing
    import my_plugin

    def test_it(tmp_path):
        with testing.empty_host(tmp_path) as host:
            host.plugins.register(my_plugin, "mine")
            testing.add_fake_engines(host)
            done = testing.process(host, tmp_path / "memo.xyz")
            assert done.transcript.text

Nothing here is used by the program's own work.
"""

from __future__ import annotations

import wave
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ContextTooSmallError, UsageError
from .home import Home
from .hookspecs import hookimpl
from .host import Host
from .interfaces import (
    Conversation,
    LiveControls,
    Piece,
    Priority,
    Question,
    TextGenerator,
    Transcriber,
)
from .values import (
    ActionItem,
    Evidence,
    LiveCaption,
    LiveState,
    LiveView,
    MeetingNotes,
    ModelSpec,
    ModelTask,
    NotesMethod,
    Production,
    Recording,
    Segment,
    SpeechRequest,
    Statement,
    Suggestion,
    SuggestionKind,
    Transcript,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .pipeline import Processed
    from .values import AudioChunk

SPEECH = ModelSpec(
    id="fake-speech",
    label="Fake speech",
    task=ModelTask.TRANSCRIPTION,
    engine="fake",
    tier="test",
    size=0,
    license="Apache-2.0",
    languages=("en",),
)
LANGUAGE = ModelSpec(
    id="fake-language",
    label="Fake language",
    task=ModelTask.GENERATION,
    engine="fake",
    tier="test",
    size=0,
    license="Apache-2.0",
    notes=NotesMethod.SCHEMA,
)


@contextmanager
def empty_host(folder: Path) -> Iterator[Host]:
    """A host without any plugin, which keeps everything under ``folder``.

    What plugins raise is in ``host.plugins.failures``.
    """
    host = Host(Home(folder / "config", folder / "data", folder / "log", folder / "cache"))
    host.home.create()
    try:
        yield host
    finally:
        host.close()


def add_fake_engines(host: Host, answer: Callable[[Question], str] | None = None) -> None:
    """Register a plugin whose models, `SPEECH` and `LANGUAGE`, are the fakes below."""
    host.plugins.register(_FakeEngines(answer), "fake-engines")


class _FakeEngines:
    def __init__(self, answer: Callable[[Question], str] | None) -> None:
        self._answer = answer

    @hookimpl
    def register_models(self) -> list[ModelSpec]:
        return [SPEECH, LANGUAGE]

    @hookimpl
    def load_transcriber(self, spec: ModelSpec) -> Transcriber | None:
        return FakeTranscriber(spec) if spec.engine == "fake" else None

    @hookimpl
    def load_text_generator(self, spec: ModelSpec) -> TextGenerator | None:
        return FakeTextGenerator(spec, self._answer) if spec.engine == "fake" else None


def process(host: Host, path: Path) -> Processed:
    """Take a recording through the program's own job with the fake engines."""
    from .pipeline import Processor

    with Processor(host, speech=host.models[SPEECH.id], language=host.models[LANGUAGE.id]) as job:
        return job.process(path)


class FakeTranscriber(Transcriber):
    """Hears a sentence in every two seconds of audio; it reads all of it, as a real one does."""

    version = "0"
    _seconds = 2.0

    def __init__(self, spec: ModelSpec = SPEECH) -> None:
        self.spec = spec
        self.closed = False

    def transcribe(
        self,
        audio: Iterable[AudioChunk],
        *,
        start: float = 0.0,
        voices: bool = True,
        request: SpeechRequest = SpeechRequest(),  # noqa: B008
    ) -> Iterator[Segment]:
        if self.closed:
            raise UsageError("this transcriber is closed")
        heard, said = 0.0, start
        for chunk in audio:
            if len(chunk.audio) % 2:
                raise UsageError("the audio is not 16-bit: a chunk has an odd number of bytes")
            heard = chunk.timestamp + len(chunk.audio) / 32_000
            while said + self._seconds <= heard:
                yield self._segment(said, said + self._seconds, voices)
                said += self._seconds
        if heard > said:
            yield self._segment(said, heard, voices)

    def _segment(self, start: float, end: float, voices: bool) -> Segment:
        number = round(start / self._seconds)
        return Segment(
            id=number,
            start=start,
            end=end,
            text=f"This is sentence {number + 1}.",
            confidence=1.0,
            voice=(1.0, 0.0) if voices else (),
        )

    def close(self) -> None:
        self.closed = True


class FakeTextGenerator(TextGenerator):
    """Answers with what ``answer`` makes of the question; a word is a token.

    Without ``answer``, a question with a JSON schema gets the least that obeys it, and any other
    gets nothing. A grammar is not obeyed.
    """

    version = "0"

    def __init__(
        self,
        spec: ModelSpec = LANGUAGE,
        answer: Callable[[Question], str] | None = None,
        *,
        n_ctx: int | None = None,
    ) -> None:
        self.spec = spec
        self.n_ctx = n_ctx or spec.n_ctx
        self._answer = answer or _least
        self.asked: list[Question] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def open(self, *, system: str = "", priority: Priority = Priority.NOTES) -> Conversation:
        return _FakeConversation(self, system)

    def close(self) -> None:
        """Nothing is held."""

    def answer(self, question: Question) -> list[str]:
        self.asked.append(question)
        return self._answer(question).split(" ")


class _FakeConversation(Conversation):
    def __init__(self, generator: FakeTextGenerator, system: str) -> None:
        self._generator = generator
        self._used = 0
        self._closed = False
        self.append(system)

    def append(self, text: str) -> None:
        self._check_open()
        used = self._used + self._generator.count_tokens(text)
        if used > self._generator.n_ctx:
            raise ContextTooSmallError(
                f"the context holds {self._generator.n_ctx} tokens and needs {used}"
            )
        self._used = used

    def ask(
        self, questions: Sequence[Question], *, deadline: float | None = None
    ) -> Iterator[Piece]:
        self._check_open()
        words = [self._generator.answer(question) for question in questions]
        for turn in range(max((len(it) for it in words), default=0)):
            for number, question in enumerate(questions):
                end = min(len(words[number]), question.max_tokens)
                if turn < end:
                    yield Piece(
                        number,
                        (" " if turn else "") + words[number][turn],
                        last=turn == end - 1,
                        truncated=turn == end - 1 and end < len(words[number]),
                    )

    def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("this conversation is closed")


def _least(question: Question) -> str:
    import json

    if question.json_schema is None:
        return ""
    return json.dumps(_instance(question.json_schema, question.json_schema))


def _instance(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    if "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return _instance(found, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _instance(schema[several][0], root)
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            wanted = schema.get("required", ())
            return {key: _instance(schema["properties"][key], root) for key in wanted}
        case "array":
            least: int = schema.get("minItems", 0)
            return [_instance(schema["items"], root)] * least
        case "string":
            return "x" * schema.get("minLength", 0)
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return None


class FakeControls(LiveControls):
    """Keeps what an overlay had it do, ``("note", "…")``, and what it told the person."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.told: list[str] = []

    def mark(self) -> None:
        self.done.append(("mark", None))

    def note(self, text: str) -> None:
        self.done.append(("note", text))

    def ask(self, question: str) -> None:
        self.done.append(("ask", question))

    def suggest(self) -> None:
        self.done.append(("suggest", None))

    def toggle_suggestions(self) -> None:
        self.done.append(("toggle", None))

    def dismiss(self, suggestion: int) -> None:
        self.done.append(("dismiss", suggestion))

    def pause(self) -> None:
        self.done.append(("pause", None))

    def resume(self) -> None:
        self.done.append(("resume", None))

    def end(self) -> None:
        self.done.append(("end", None))

    def tell(self, text: str) -> None:
        self.told.append(text)


def live_view(**changes: Any) -> LiveView:
    """A meeting of `transcript` that goes on, with a suggestion that rests on a caption.
    ``changes`` replace fields."""
    said = transcript().segments
    rests = Evidence(start=said[3].start, speaker=said[3].speaker or "", text=said[3].text)
    sample = LiveView(
        title="Release plan",
        state=LiveState.RECORDING,
        seconds=60.0,
        levels=(("Ana López", -18.0), ("Tom", None)),
        captions=tuple(
            LiveCaption(start=it.start, speaker=it.speaker or "", text=it.text) for it in said
        ),
        suggestions=(
            Suggestion(
                id=1,
                kind=SuggestionKind.QUESTION,
                timestamp=57.5,
                about=said[4].text,
                text="Tom could tell them with the pricing.",
                evidence=(rests,),
            ),
        ),
        suggesting="on",
    )
    return replace(sample, **changes)


def write_wav(path: Path, seconds: float = 5.0) -> Path:
    """Write silence as 16 kHz mono 16-bit PCM: the fakes hear sentences in it."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(int(16_000 * seconds) * 2))
    return path


def recording(**changes: Any) -> Recording:
    """A recording of a minute; its file does not exist. ``changes`` replace its fields."""
    sample = Recording(
        id="0a1b2c3d",
        title="Release plan",
        path=Path("/recordings/release plan.opus"),
        source="recorded-file",
        started_at=datetime(2026, 3, 12, 10, 0, tzinfo=timezone(timedelta(hours=1))),
        duration=60.0,
        sha256="0a1b2c3d" * 8,
    )
    return replace(sample, **changes)


def transcript(**changes: Any) -> Transcript:
    """Five segments of two people, with names and marks that formats have to mind."""
    said = (
        ("Ana López", "Good morning. Shall we release on Friday?"),
        ("Tom", "Friday is fine, if the tests [all of them] pass."),
        ("Ana López", "Then we release on Friday."),
        ("Tom", "I will send the pricing to Acme by next Monday."),
        ("Ana López", "Who tells R&D? <Nobody> has *asked* them."),
    )
    segments = tuple(
        Segment(id=number, start=12.0 * number, end=12.0 * number + 9.5, speaker=who, text=text)
        for number, (who, text) in enumerate(said)
    )
    return replace(
        Transcript(recording_id=recording().id, language="en", segments=segments), **changes
    )


def notes(**changes: Any) -> MeetingNotes:
    """The notes of `transcript`, with one statement in each section."""
    sample = MeetingNotes(
        recording=recording(),
        title="Release plan",
        summary=(Statement(text="The release is on Friday.", segments=(2,)),),
        key_points=(Statement(text="The tests have to pass first.", segments=(1,)),),
        decisions=(Statement(text="We release on Friday.", segments=(0, 2)),),
        action_items=(
            ActionItem(
                text="Send the pricing to Acme",
                segments=(3,),
                assignee="Tom",
                due=date(2026, 3, 16),
                due_text="by next Monday",
            ),
        ),
        open_questions=(Statement(text="Who tells R&D?", segments=(4,)),),
        coverage=(0.0, 57.5),
        produced_by=(
            Production(
                stage="transcription", engine="fake", version="0", model="Fake speech", seconds=1.0
            ),
            Production(
                stage="notes", engine="fake", version="0", model="Fake language", seconds=1.0
            ),
        ),
    )
    return replace(sample, **changes)
