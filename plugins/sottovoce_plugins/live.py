"""The sources of live audio, as this platform has them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sottovoce import hookimpl

if TYPE_CHECKING:
    from sottovoce import AudioSource


@hookimpl(trylast=True)
def register_audio_sources() -> list[AudioSource]:
    from . import pulse

    if sys.platform == "linux" and pulse.available():
        return [pulse.PulseMicrophone(), pulse.PulseLoopback()]
    from . import portaudio

    microphone = portaudio.PortAudioMicrophone()
    # macOS lets nobody hear what it plays but through a virtual device, which is a microphone.
    return [microphone, portaudio.WasapiLoopback()] if sys.platform == "win32" else [microphone]
