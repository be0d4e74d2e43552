from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate

from sottovoce import AudioFormat, RecordingError
from sottovoce_plugins.files import RecordedFiles

from .audio import decode, encode
from .conftest import SAMPLE

SECONDS = 6


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return decode(SAMPLE)[: SECONDS * 16_000]


def heard(path: Path, track: int = 0) -> np.ndarray:
    source = RecordedFiles()
    with source.open(source.inspect(path).tracks[track], AudioFormat()) as chunks:
        return np.frombuffer(b"".join(chunk.audio for chunk in chunks), "<i2") / 32768


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation at the best of the offsets, as encoders add some samples."""
    products = correlate(one, other, mode="full", method="fft")
    return float(products.max() / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 16_000),
        ("a.wav", "pcm_s16le", 8_000),
        ("a.flac", "flac", 96_000),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.m4a", "aac", 44_100),
        ("a.mp4", "aac", 48_000),
        ("a.mov", "aac", 48_000),
        ("a.mkv", "libopus", 48_000),
        ("a.webm", "libopus", 48_000),
        ("a.ogg", "libopus", 48_000),
        ("a.opus", "libopus", 48_000),
        ("a.aac", "aac", 44_100),
    ],
)
def test_every_common_format_is_heard_whole(
    name: str, codec: str, rate: int, tmp_path: Path, speech: np.ndarray
) -> None:
    path = encode(tmp_path / name, [speech], codec=codec, rate=rate)
    audio = heard(path)
    assert len(audio) / 16_000 == pytest.approx(SECONDS, abs=0.2)
    assert likeness(audio, speech) > 0.8


def test_the_sound_of_a_video_is_heard(tmp_path: Path, speech: np.ndarray) -> None:
    path = encode(tmp_path / "a.mp4", [speech], codec="aac", rate=48_000, video=True)
    assert len(heard(path)) / 16_000 == pytest.approx(SECONDS, abs=0.2)


def test_each_track_of_a_file_is_a_device_with_its_title(
    tmp_path: Path, speech: np.ndarray
) -> None:
    path = encode(
        tmp_path / "two.mkv",
        [speech, np.zeros_like(speech)],
        codec="flac",
        titles=("Maria", ""),
    )
    assert [t.label for t in RecordedFiles().inspect(path).tracks] == ["Maria", "Track 2"]
    assert np.abs(heard(path, 0)).max() > 0.1
    assert np.abs(heard(path, 1)).max() == 0


def test_channels_with_a_voice_each_are_tracks(tmp_path: Path, speech: np.ndarray) -> None:
    half = len(speech) // 2
    left, right = speech.copy(), speech.copy()
    left[half:] = right[:half] = 0
    path = encode(tmp_path / "call.wav", [np.stack([left, right])], codec="pcm_s16le")
    assert [t.label for t in RecordedFiles().inspect(path).tracks] == ["Left", "Right"]
    assert np.abs(heard(path, 0)[half + 100 :]).max() < 0.001
    assert np.abs(heard(path, 1)[: half - 100]).max() < 0.001


def test_channels_that_speak_at_once_are_tracks_too(tmp_path: Path) -> None:
    whole = decode(SAMPLE)
    both = np.stack([whole[: 16_000 * 8], whole[16_000 * 20 : 16_000 * 28]])
    path = encode(tmp_path / "call.wav", [both], codec="pcm_s16le")
    assert [t.label for t in RecordedFiles().inspect(path).tracks] == ["Left", "Right"]


def test_a_silent_channel_is_no_track(tmp_path: Path, speech: np.ndarray) -> None:
    half = np.stack([speech, np.zeros_like(speech)])
    path = encode(tmp_path / "half.wav", [half], codec="pcm_s16le")
    assert len(RecordedFiles().inspect(path).tracks) == 1


def test_a_stereo_recording_of_one_room_is_one_track(tmp_path: Path, speech: np.ndarray) -> None:
    path = encode(tmp_path / "room.wav", [np.stack([speech, speech * 0.7])], codec="pcm_s16le")
    assert len(RecordedFiles().inspect(path).tracks) == 1


def test_a_name_with_colons_and_percent_signs_is_a_file(tmp_path: Path, speech: np.ndarray) -> None:
    made = encode(tmp_path / "a.wav", [speech], codec="pcm_s16le")
    odd = made.rename(tmp_path / "http:%2F 10:30 – réunion 🎙.wav")
    assert len(heard(odd)) / 16_000 == pytest.approx(SECONDS, abs=0.1)


def spoil(kind: str, folder: Path, speech: np.ndarray) -> Path:
    path = folder / f"{kind}.mp4"
    match kind:
        case "missing":
            pass
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "text":
            path = folder / "text.mp3"
            path.write_text("Dear all,\nthese are the minutes.\n" * 200)
        case "subtitles":
            path = folder / "a.srt"
            path.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n\n")
        case "silent video":
            encode(path, [], codec="aac", video=True)
        case "cut off":
            encode(path, [speech], codec="aac", rate=48_000)
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "noise":
            path = folder / "noise.wav"
            path.write_bytes(np.random.default_rng(1).bytes(50_000))
        case "no samples":
            path = folder / "no.wav"
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "no such file"),
        ("empty", "file is empty"),
        ("folder", "this is a folder"),
        ("text", "not a recording"),
        ("subtitles", "not a recording but"),
        ("silent video", "a video without sound"),
        ("cut off", "cut off before its index was written"),
        ("noise", "not a recording"),
        ("no samples", "no audio could be decoded"),
    ],
)
def test_a_bad_file_is_one_clear_line(
    kind: str, says: str, tmp_path: Path, speech: np.ndarray
) -> None:
    path = spoil(kind, tmp_path, speech)
    with pytest.raises(RecordingError) as caught:
        heard(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hole_in_the_timestamps_is_silence_of_its_length(
    tmp_path: Path, speech: np.ndarray
) -> None:
    whole = encode(tmp_path / "whole.mkv", [speech], codec="flac")
    holed = tmp_path / "holed.mkv"
    import av

    with av.open(str(whole)) as source, av.open(str(holed), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.pts is None or 2.0 <= float(packet.pts * packet.time_base) < 4.0:
                continue
            packet.stream = stream
            target.mux(packet)
    audio = heard(holed)
    assert len(audio) / 16_000 == pytest.approx(SECONDS, abs=0.1)
    assert np.abs(audio[int(2.5 * 16_000) : int(3.5 * 16_000)]).max() == 0
    assert likeness(audio[5 * 16_000 :], speech[5 * 16_000 :]) > 0.9
