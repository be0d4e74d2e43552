"""Whisper, through faster-whisper (CTranslate2): many languages, word times, on CPU or GPU.

Speech is cut and packed here (`vad`, `turns`, `windows`) and decoded as faster-whisper's batched
pipeline does, with two differences. A doubtful window is not decoded again at rising temperatures:
that draws lots, and the same recording would give another text each time. And the language is
found for every window, since people change it in the middle of a meeting.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib.metadata import version
from itertools import islice
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, MissingExtraError, ModelError
from ..home import find_home
from ..hookspecs import hookimpl
from ..interfaces import Transcriber
from ..values import AudioChunk, Segment, SpeechRequest, Word
from .guards import (
    DOUBTFUL,
    NO_SPEECH,
    REPETITIVE,
    Invention,
    compression,
    is_credit,
    is_noise,
    without_loops,
)
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ..engines.serving import Job
    from ..values import HardwareProfile, ModelSpec
    from .windows import Window

_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Without the last, faster-whisper would ask the hub for it"""
_SURE = 0.6
"""Probability from which a window's own language counts; below, that of the recording does"""
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
_BEAMS = 5
_FRAMES = 100
"""Of the spectrogram, a second"""
_TEXT = 448
"""Tokens of prompt and text together"""


@hookimpl(trylast=True)
def load_transcriber(spec: ModelSpec, hardware: HardwareProfile) -> Transcriber | None:
    return WhisperTranscriber(spec, hardware) if spec.engine == "whisper" else None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is computed on this device."""

    device: str
    """``cpu`` or ``cuda``"""
    compute_type: str
    """As CTranslate2 names it"""
    threads: int
    workers: int
    """Batches decoded side by side, on a CPU each on ``threads`` of it"""
    batch: int
    """Windows decoded at once"""

    def __str__(self) -> str:
        where = "NVIDIA GPU" if self.device == "cuda" else "CPU"
        return f"{where}, {self.compute_type}"


def plan(device: str, supported: Iterable[str], size: int, free: int | None, cores: int) -> Plan:
    """The compute type that is fastest without losing accuracy, and room for the batch.

    ``supported`` are CTranslate2's types on the device, ``size`` is the model's file in half
    precision, ``free`` the GPU's memory, both in bytes. Whisper in 8 bits hears as well as in 16
    (faster-whisper's own comparison); on a GPU 16 are faster, unless they do not fit.
    """
    types = set(supported)
    if device == "cuda":
        tight = free is not None and size * 1.5 + (1 << 30) > free
        order = ["int8_float16", "float16"] if tight else ["float16", "int8_float16"]
        order += ["int8_float32", "float32"]
        return Plan(device, next(it for it in order if it in types), 1, 1, 4 if tight else 16)
    order = ["int8", "int8_float32", "float32"]
    # One thread each, and several batches side by side: of a machine with fewer cores the text is
    # the same, which it is not where a computation is shared out among threads.
    return Plan(device, next(it for it in order if it in types), 1, cores, 4 if cores <= 4 else 1)


class WhisperTranscriber(Transcriber):
    """The host's side: audio goes to the worker, segments come back."""

    def __init__(self, spec: ModelSpec, hardware: HardwareProfile) -> None:
        from .. import device
        from ..engines.worker import Worker

        if importlib.util.find_spec("faster_whisper") is None:
            raise MissingExtraError("faster-whisper", "all")
        home = find_home()
        self.spec = spec
        self.version = version("faster-whisper")
        nvidia = [gpu for gpu in hardware.gpus if gpu.vendor == "nvidia"]
        self._worker = Worker(
            f"{__name__}:WhisperServer",
            str(_folder(home.models, spec)),
            device.load(home.device).speech_device or ("cuda" if nvidia else "cpu"),
            nvidia[0].free if nvidia else None,
            hardware.cpu_count,
            name="speech",
            log_file=home.engine_log("speech"),
        )
        self.compute = str(self._worker.call("plan"))

    def transcribe(
        self,
        audio: Iterable[AudioChunk],
        *,
        start: float = 0.0,
        voices: bool = True,
        request: SpeechRequest = SpeechRequest(),  # noqa: B008
    ) -> Iterator[Segment]:
        from .moonshine import from_second

        if self.spec.languages and request.language not in ("", *self.spec.languages):
            raise ModelError(
                f"{self.spec.label} hears {', '.join(self.spec.languages)} only, not "
                f"'{request.language}'; choose another model"
            )
        if request.translate and not self.spec.translates:
            raise ModelError(f"{self.spec.label} does not translate; choose another model")
        self.removed = {}
        pcm = (chunk.audio for chunk in from_second(start, audio))
        for item in self._worker.stream("transcribe", start, voices, request, feed=pcm):
            if isinstance(item, Segment):
                yield item
            else:
                self.removed = Counter(self.removed) + item

    def close(self) -> None:
        self._worker.close()


def _folder(models: Path, spec: ModelSpec) -> Path:
    """The installed model. Raises ``ModelError``: nothing is ever downloaded from here."""
    folder = models / spec.id
    if not folder.is_dir():
        raise ModelError(f"{spec.label} is not installed; run: sotto models install {spec.id}")
    missing = [it for it in _FILES if not (folder / it).is_file()]
    if missing:
        raise ModelError(
            f"{spec.label} lacks {', '.join(missing)} in {folder}; "
            f"run: sotto models remove {spec.id}, and install it anew"
        )
    return folder


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came of one window."""

    segments: tuple[Segment, ...]
    language: str
    removed: Counter[str]

    def told(self) -> Iterator[Segment | Counter[str]]:
        """What was left out comes last: a window that is decoded again is counted once."""
        yield from self.segments
        if self.removed:
            yield self.removed


class WhisperServer:
    """The worker's side: voice activity, Whisper and voiceprints over one stream of audio."""

    def __init__(self, folder: str, device: str, free: int | None, cores: int) -> None:
        from pathlib import Path

        import ctranslate2
        from faster_whisper import WhisperModel

        from .vad import SpeechDetector

        size = (Path(folder) / "model.bin").stat().st_size
        try:
            supported = ctranslate2.get_supported_compute_types(device)
            self._plan = plan(device, supported, size, free, cores)
            self._model = WhisperModel(
                folder,
                device=device,
                compute_type=self._plan.compute_type,
                cpu_threads=self._plan.threads,
                num_workers=self._plan.workers,
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:
            hint = "; 'sotto config set speech.device cpu' leaves the GPU" * (device == "cuda")
            raise EngineError(f"Whisper could not be loaded: {error}{hint}") from error
        self._multilingual = bool(self._model.model.is_multilingual)
        self._detector = SpeechDetector()
        self._cores = cores
        self._voiceprinter: Any = None

    def plan(self, job: Job) -> Plan:
        return self._plan

    def languages(self, job: Job) -> tuple[str, ...]:
        return tuple(self._model.supported_languages)

    def transcribe(
        self, job: Job, start: float, voices: bool, request: SpeechRequest
    ) -> Iterator[Segment | Counter[str]]:
        import numpy as np

        from .parallel import side_by_side
        from .turns import turns
        from .vad import runs
        from .windows import windows

        if request.language and request.language not in self._model.supported_languages:
            known = ", ".join(self._model.supported_languages)
            raise ModelError(f"Whisper does not know the language '{request.language}': {known}")
        if voices and self._voiceprinter is None:
            from .voiceprint import Voiceprinter

            self._voiceprinter = Voiceprinter()
        blocks = (
            np.divide(np.frombuffer(pcm, "<i2"), 32768, dtype=np.float32) for pcm in job.feed()
        )
        embed = self._voiceprinter.embed if voices else None
        spoken = runs(blocks, self._detector, start=start)
        found = windows(turns(spoken, embed, self._cores, start=start), start)
        usual = request.language or request.usual_language
        if not self._multilingual:
            usual = "en"
        # Until the recording's language is known, one window at a time.
        while not usual:
            if (window := next(found, None)) is None:
                return
            (heard,) = self._decode(request, "", [window])
            yield from heard.told()
            usual = heard.language if heard.segments else ""
        decode = partial(self._decode, request, usual)
        for batch in side_by_side(decode, _batches(found, self._plan.batch), self._plan.workers):
            for heard in batch:
                job.check()
                yield from heard.told()

    def _decode(self, request: SpeechRequest, usual: str, batch: Sequence[Window]) -> list[_Heard]:
        """What was said in each window. ``usual`` is the language where a window's is not clear."""
        import numpy as np
        from faster_whisper.audio import pad_or_trim

        extractor = self._model.feature_extractor
        features = np.stack([pad_or_trim(extractor(it.samples)[..., :-1]) for it in batch])
        encoded = self._encode(features)
        languages = [request.language or "en"] * len(batch)
        if self._multilingual and not request.language:
            found = self._model.model.detect_language(encoded)
            languages = [_language(it, usual) for it in found]
        if len(set(languages)) == 1:
            return self._texts(request, languages[0], batch, features, encoded)
        heard: dict[int, _Heard] = {}
        for language in dict.fromkeys(languages):
            places = [place for place, it in enumerate(languages) if it == language]
            part = features[places]
            texts = self._texts(
                request, language, [batch[it] for it in places], part, self._encode(part)
            )
            heard.update(zip(places, texts, strict=True))
        return [heard[place] for place in range(len(batch))]

    def _encode(self, features: Any) -> Any:
        import numpy as np
        from ctranslate2 import StorageView

        if self._plan.device != "cpu":
            return self._model.encode(features)
        # One by one, which a core does as fast: what attention needs for several at once is asked
        # anew of the system in every layer, page by page, and threads wait for each other there.
        each = [np.array(self._model.encode(it[None])) for it in features]
        return StorageView.from_array(np.concatenate(each))

    def _texts(
        self,
        request: SpeechRequest,
        language: str,
        batch: Sequence[Window],
        features: Any,
        encoded: Any,
    ) -> list[_Heard]:
        """The windows of one language."""
        tokenizer = self._tokenizer(language, "translate" if request.translate else "transcribe")
        hotwords = ", ".join(request.vocabulary) or None
        prompt = self._model.get_prompt(tokenizer, [], without_timestamps=True, hotwords=hotwords)
        results = self._generate(tokenizer, encoded, [prompt] * len(batch))
        removed = [Counter[str]() for _ in batch]
        texts: list[list[int]] = []
        for place, result in enumerate(results):
            tokens, certainty = result.sequences_ids[0], _certainty(result)
            text = tokenizer.decode(tokens)
            if compression(text) > REPETITIVE:
                again = self._model.encode(features[place : place + 1])
                (result,) = self._generate(tokenizer, again, [prompt], no_repeat_ngram_size=3)
                tokens, certainty = result.sequences_ids[0], _certainty(result)
                removed[place][Invention.REPETITION] += 1
            silent = result.no_speech_prob > NO_SPEECH and certainty < DOUBTFUL
            if silent or _only_prompted(text, request, certainty):
                removed[place][Invention.SILENCE] += bool(text.strip())
                tokens = []
            texts.append([it for it in tokens if it < tokenizer.eot])
        words = self._words(tokenizer, batch, texts, encoded)
        spoken = "en" if request.translate else language
        # Which words are no near misses is known of English only.
        known = Vocabulary(request.vocabulary if spoken == "en" else ())
        return [
            _heard(window, said, counted, spoken, result.no_speech_prob, known)
            for window, said, counted, result in zip(batch, words, removed, results, strict=True)
        ]

    def _generate(
        self, tokenizer: Any, encoded: Any, prompts: list[list[int]], **options: Any
    ) -> list[Any]:
        results: list[Any] = self._model.model.generate(
            encoded,
            prompts,
            beam_size=_BEAMS,
            max_length=_TEXT,
            suppress_blank=True,
            suppress_tokens=_suppressed(tokenizer),
            return_scores=True,
            return_no_speech_prob=True,
            **options,
        )
        return results

    def _words(
        self, tokenizer: Any, batch: Sequence[Window], texts: list[list[int]], encoded: Any
    ) -> list[list[dict[str, Any]]]:
        """The words of each window with their times in it, in seconds, and probabilities."""
        segments: list[list[dict[str, Any]]] = [
            [{"tokens": tokens, "start": 0.0, "end": window.seconds, "seek": 0}]
            for window, tokens in zip(batch, texts, strict=True)
        ]
        frames = [min(round(it.seconds * _FRAMES), 30 * _FRAMES) for it in batch]
        self._model.add_word_timestamps(
            segments, tokenizer, encoded, frames, "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、", 0.0
        )
        return [it.get("words", []) for (it,) in segments]

    def _tokenizer(self, language: str, task: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._model.hf_tokenizer, self._multilingual, task=task, language=language)


@lru_cache(maxsize=4)
def _suppressed_by(tokenizer: Any) -> tuple[int, ...]:
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import get_suppressed_tokens

    tokens: tuple[int, ...] = get_suppressed_tokens(Tokenizer(tokenizer, False), [-1])
    return tokens


def _suppressed(tokenizer: Any) -> tuple[int, ...]:
    """What nobody says: brackets, notes of music, and the model's own marks."""
    return _suppressed_by(tokenizer.tokenizer)


def _language(found: Sequence[tuple[str, float]], usual: str) -> str:
    token, probability = found[0]
    return token[2:-2] if probability >= _SURE or not usual else usual


def _certainty(result: Any) -> float:
    """Mean log probability of the tokens, the end's included, as faster-whisper reckons it."""
    length = len(result.sequences_ids[0])
    return float(result.scores[0]) * length / (length + 1)


def _only_prompted(text: str, request: SpeechRequest, certainty: float) -> bool:
    """Whether doubtful text is nothing but the vocabulary that the model was given."""
    words = set(text.casefold().replace(",", " ").split())
    given = set(" ".join(request.vocabulary).casefold().split())
    return bool(words) and words <= given and certainty < DOUBTFUL / 2


def _batches(found: Iterator[Window], size: int) -> Iterator[list[Window]]:
    while batch := list(islice(found, size)):
        yield batch


def _heard(
    window: Window,
    words: list[dict[str, Any]],
    removed: Counter[str],
    language: str,
    no_speech: float,
    known: Vocabulary,
) -> _Heard:
    """The window's words as segments: one for each turn that has some."""
    turns: dict[int, list[Word]] = {}
    texts: dict[int, str] = {}
    last = 0
    for it in words:
        # A word goes to the turn that it is said in; one that has slipped back stays in order.
        number, _ = window.place((it["start"] + it["end"]) / 2)
        number = last = max(number, last)
        begin = window.begin(number)
        turn = window.turns[number]
        limit = turn.end - turn.start
        start, end = (
            round(turn.start + min(max(float(at) - begin, 0.0), limit), 3)
            for at in (it["start"], it["end"])
        )
        texts[number] = texts.get(number, "") + it["word"]
        before = turns.setdefault(number, [])
        if before and not it["word"].startswith(" ") and language not in _UNSPACED:
            joined = before.pop()
            before.append(Word(joined.start, end, joined.text + it["word"], joined.probability))
        else:
            before.append(Word(start, end, it["word"].strip(), round(float(it["probability"]), 3)))
    segments: list[Segment] = []
    for number, spoken in turns.items():
        turn = window.turns[number]
        kept, cut = without_loops(spoken)
        removed[Invention.REPETITION] += cut
        text = " ".join(it.text for it in kept) if cut else texts[number].strip()
        confidence = fmean(it.probability for it in kept) if kept else None
        if not text or is_credit(text, confidence, no_speech):
            removed[Invention.CREDITS] += bool(text)
            continue
        if is_noise(text, turn.certainty):
            removed[Invention.SILENCE] += 1
            continue
        segments.append(
            Segment(
                id=0,
                start=turn.start,
                end=turn.end,
                text=known.corrected(text),
                words=known.corrected_words(kept),
                confidence=confidence,
                voice=turn.voice,
                language=language,
                until=window.before,
            )
        )
    if segments:
        segments[-1] = replace(segments[-1], until=window.until)
    return _Heard(tuple(segments), language, +removed)
