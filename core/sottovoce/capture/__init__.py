"""Recording live audio so that nothing that happens costs more than a second of it.

    recorder.py     the host's side: `Recorder`
    process.py      the capture process: devices in, files out; it outlives the host
    track.py        one device into one file, at its place in time
    clock.py        a device's clock against the system's
    wav.py          one growing file a track, patched and synced each second
    finish.py       from the growing files to one recording; also after a crash
    devices.py      which devices a recording is of
    calls.py        noticing that a call goes on
    announce.py     saying aloud that it is recorded

A recording in progress is a folder: ``recording.json`` says what it is, ``TRACK.wav`` holds a
track, ``journal.jsonl`` what happened when. While the capture process lives it holds ``lock``.
Importing this module imports none of them.
"""
