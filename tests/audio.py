"""Recordings that the tests make."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]


def decode(path: Path, rate: int = 16_000) -> Samples:
    """Mono samples, -1 to 1."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(str(path)) as container:
        frames: list[Any] = [*container.decode(audio=0), None]
        return np.concatenate([o.to_ndarray()[0] for f in frames for o in resampler.resample(f)])


def encode(
    path: Path,
    tracks: list[Samples],
    *,
    codec: str,
    rate: int = 16_000,
    titles: tuple[str, ...] = (),
    video: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Write each array as a track: of shape (n,) mono, of shape (2, n) stereo."""
    with av.open(str(path), "w", options=options or {}) as container:
        picture: Any = container.add_stream("mpeg4", rate=5) if video else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        streams: list[Any] = []
        for number, samples in enumerate(tracks):
            layout = "mono" if samples.ndim == 1 else "stereo"
            stream: Any = container.add_stream(codec, rate=rate, layout=layout)
            if number < len(titles):
                stream.metadata["title"] = titles[number]
            streams.append(stream)
        if picture is not None:
            seconds = tracks[0].shape[-1] / 16_000 if tracks else 2
            for i in range(int(seconds * 5)):
                frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 5)
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        for stream, samples in zip(streams, tracks, strict=True):
            _mux(container, stream, samples, rate)
    return path


def _mux(container: Any, stream: Any, samples: Samples, rate: int) -> None:
    layout = "mono" if samples.ndim == 1 else "stereo"
    if not stream.codec_context.is_open:
        stream.codec_context.open()
    resampler = av.AudioResampler(
        format=stream.format.name,
        layout=layout,
        rate=rate,
        frame_size=stream.codec_context.frame_size or 0,
    )
    planes = np.atleast_2d(samples).astype(np.float32)
    for start in range(0, planes.shape[1], 16_000):
        part = np.ascontiguousarray(planes[:, start : start + 16_000])
        frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
        for out in resampler.resample(frame):
            container.mux(stream.encode(out))
    for out in resampler.resample(None):
        container.mux(stream.encode(out))
    container.mux(stream.encode(None))
