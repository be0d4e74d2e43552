"""The watched folder under everything that people and programs do to files, and under kill -9."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sottovoce.errors import LibraryError
from sottovoce.home import VARIABLE
from sottovoce.library.jobs import Jobs, State

from .audio import decode, encode
from .conftest import SAMPLE, command

CODECS = [("wav", "pcm_s16le"), ("flac", "flac"), ("opus", "libopus"), ("m4a", "aac")]
SECONDS = 1.5
FILES, KILLS = 200, 20
"""Files in each of the two folders"""
_DROP = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
UNPRIVILEGED = ["setpriv", *_DROP] if not os.geteuid() and shutil.which("setpriv") else []
"""Before a command: root without the right to read what nobody may read"""


class Drops:
    """Writers that put good and bad files into a folder; what is to be expected of each."""

    def __init__(self, folder: Path, count: int, seed: int) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        self._staging = folder.with_name(f"{folder.name} staging")
        for it in (folder, self._staging):
            it.mkdir()
        self._random = random.Random(seed)
        self.good: set[str] = set()
        """SHA-256 of what has to have a note in the end"""
        self.maybe: set[str] = set()
        """Of what was replaced, and may have one"""
        self.bad: set[bytes] = set()
        self.left: dict[bytes, str] = {}
        """What each file has to hold in the end: its SHA-256"""
        self._lock = threading.Lock()
        self._snippets = self._make(count // 12, random.Random(seed).random())
        self._jobs = [(number, self._random.choice(self._ways())) for number in range(count)]
        for place, way in enumerate(self._ways()):  # each of them at least once
            self._jobs[place] = (place, way)

    def _make(self, count: int, shift: float) -> list[Path]:
        speech = self._speech = decode(SAMPLE)
        made = []
        for number in range(count):
            suffix, codec = CODECS[number % len(CODECS)]
            start = int((number + shift) * (len(speech) / 16_000 - SECONDS) / count * 16_000)
            cut = speech[start : start + int(SECONDS * 16_000)]
            made.append(encode(self._staging / f"s{number}.{suffix}", [cut], codec=codec))
        return made

    def _ways(self) -> list[Callable[[int, Path], None]]:
        ways: list[Callable[[int, Path], None]] = [
            self._plain, self._slow, self._renamed, self._moved, self._replaced, self._copy,
            self._strange_name, self._empty, self._corrupt, self._text, self._dangling, self._link,
            self._circle,
        ]  # fmt: skip
        return [*ways, self._unreadable] if os.geteuid() or UNPRIVILEGED else ways

    def write(self, writers: int) -> list[threading.Thread]:
        shares = [self._jobs[i::writers] for i in range(writers)]
        return [threading.Thread(target=self._work, args=(it,)) for it in shares]

    def _work(self, jobs: list[tuple[int, Callable[[int, Path], None]]]) -> None:
        for number, way in jobs:
            way(number, self._snippets[number % len(self._snippets)])
            time.sleep(random.Random(number).random() * 0.3)

    def _expect(self, path: Path, source: Path) -> None:
        digest = sha256(source)
        with self._lock:
            self.good.add(digest)
            self.left[os.fsencode(path)] = digest

    def _is_bad(self, path: Path) -> None:
        with self._lock:
            self.bad.add(os.fsencode(path))

    def _plain(self, number: int, source: Path) -> None:
        target = self.folder / f"plain {number}{source.suffix}"
        shutil.copyfile(source, target)
        self._expect(target, source)

    _copy = _plain  # the same contents come round again under other names

    def _slow(self, number: int, source: Path) -> None:
        target = self.folder / f"slow {number}{source.suffix}"
        data = source.read_bytes()
        with target.open("wb", buffering=0) as file:
            for part in range(4):
                file.write(data[part * len(data) // 4 : (part + 1) * len(data) // 4])
                time.sleep(0.2 if part != 1 else 1.5)  # a stall
        self._expect(target, source)

    def _renamed(self, number: int, source: Path) -> None:
        part = self.folder / f"download {number}{source.suffix}.crdownload"
        shutil.copyfile(source, part)
        time.sleep(0.8)
        self._expect(part.rename(self.folder / f"download {number}{source.suffix}"), source)

    def _moved(self, number: int, source: Path) -> None:
        outside = self._staging / f"moved {number}{source.suffix}"
        shutil.copyfile(source, outside)
        first = outside.rename(self.folder / f"moved {number}{source.suffix}")
        time.sleep(0.7)
        self._expect(first.rename(self.folder / f"moved again {number}{source.suffix}"), source)

    def _replaced(self, number: int, source: Path) -> None:
        target = self.folder / f"replaced {number}.wav"
        other = self._speech[number * 4000 : number * 4000 + 24_000]
        first = encode(self._staging / f"first {number}.wav", [other], codec="pcm_s16le")
        with self._lock:
            self.maybe.add(sha256(first))
        shutil.copyfile(first, target)
        time.sleep(1.0)
        beside = self._staging / f"second {number}.wav"
        shutil.copyfile(source, beside)
        beside.replace(target)
        self._expect(target, source)

    def _strange_name(self, number: int, source: Path) -> None:
        name = ["📼🎉 %d", "two\nlines %d", "%d " + "ü" * 118, "-rf %d", "#[[%d]]|?*"][number % 5]
        target = self.folder / f"{name % number}{source.suffix}"
        shutil.copyfile(source, target)
        self._expect(target, source)

    def _empty(self, number: int, source: Path) -> None:
        target = self.folder / f"empty {number}{source.suffix}"
        target.touch()
        self._is_bad(target)

    def _corrupt(self, number: int, source: Path) -> None:
        target = self.folder / f"corrupt {number}{source.suffix}"
        target.write_bytes(random.Random(number).randbytes(20_000))
        self._is_bad(target)

    def _text(self, number: int, source: Path) -> None:
        target = self.folder / f"text {number}.txt"
        target.write_text(f"Shopping list {number}: bread, milk")
        self._is_bad(target)

    def _dangling(self, number: int, source: Path) -> None:
        target = self.folder / f"dangling {number}{source.suffix}"
        target.symlink_to(self._staging / "nothing there")
        self._is_bad(target)

    def _circle(self, number: int, source: Path) -> None:
        target = self.folder / f"circle {number}{source.suffix}"
        target.symlink_to(target)
        self._is_bad(target)

    def _link(self, number: int, source: Path) -> None:
        target = self.folder / f"link {number}{source.suffix}"
        target.symlink_to(source)
        self._expect(target, source)

    def _unreadable(self, number: int, source: Path) -> None:
        target = self.folder / f"unreadable {number}{source.suffix}"
        with target.open("wb") as file:
            os.fchmod(file.fileno(), 0)
            file.write(source.read_bytes())
        self._is_bad(target)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def watching(home: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The folders of the settings file."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*UNPRIVILEGED, *command("watch", "--no-notify")],
            env={**os.environ, VARIABLE: str(home)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def settled(home: Path, bad: set[bytes]) -> bool:
    """Whether nothing is queued, and all that is bad has been judged."""
    if not (home / "data" / "library.sqlite3").exists():
        return False
    with contextlib.suppress(LibraryError), Jobs(home / "data" / "library.sqlite3") as jobs:
        aside = {os.fsencode(it.path) for it in jobs.all(State.SET_ASIDE)}
        return not jobs.all(State.QUEUED, State.RUNNING) and bad <= aside
    return False


def test_one_note_for_each_recording_whatever_happens(tmp_path: Path) -> None:
    """In a folder that sends events and in one that is polled, by one watch killed 20 times."""
    home, log = tmp_path / "home", tmp_path / "watch.log"
    both = [Drops(tmp_path / name, FILES, seed) for seed, name in enumerate(("events", "polled"))]
    settings = [
        f'[[folder]]\npath = "{it.folder}"\nto = "{it.notes}"\npoll = {str(polled).lower()}\n'
        for it, polled in zip(both, (False, True), strict=True)
    ]
    (home / "config").mkdir(parents=True)
    (home / "config" / "watch.toml").write_text("".join(settings))
    writers = [writer for it in both for writer in it.write(3)]
    for writer in writers:
        writer.start()
    moments = random.Random(KILLS)
    for number in range(KILLS):
        begun = log.stat().st_size if log.exists() else 0
        with watching(home, log) as process:
            # Some of them while it only begins, most while it works.
            until = time.monotonic() + 60
            while number % 4 and log.stat().st_size == begun and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(moments.uniform(0.1, 1.2) if number % 4 != 1 else 4.0)
            assert process.poll() is None, log.read_text()
            process.send_signal(signal.SIGKILL)
    for writer in writers:
        writer.join()
    bad = both[0].bad | both[1].bad
    with watching(home, log) as process:
        calm = 0
        until = time.monotonic() + 400
        while calm < 8 and time.monotonic() < until:
            assert process.poll() is None, log.read_text()
            calm = calm + 1 if settled(home, bad) else 0
            time.sleep(0.5)
    assert calm == 8, log.read_text()

    with sqlite3.connect(home / "data" / "library.sqlite3") as db:
        noted = [sha for (sha,) in db.execute(
            "SELECT m.sha256 FROM meetings m JOIN exports e ON e.meeting_id = m.id")]  # fmt: skip
    assert len(noted) == len(set(noted))
    assert both[0].good | both[1].good <= set(noted)
    assert set(noted) <= both[0].good | both[1].good | both[0].maybe | both[1].maybe
    notes = [note for it in both for note in it.notes.glob("*.md")]
    assert len(notes) == len(noted)
    assert all(it.read_text(encoding="utf-8").count("sottovoce:") == 1 for it in notes)

    with Jobs(home / "data" / "library.sqlite3") as jobs:
        aside = {os.fsencode(it.path): it.reason for it in jobs.all(State.SET_ASIDE)}
        assert not jobs.all(State.FAILED)
    assert set(aside) == bad
    assert all(aside.values())
    for drops in both:
        for path, digest in drops.left.items():
            assert sha256(Path(os.fsdecode(path))) == digest
        there = {os.fsencode(it) for it in drops.folder.iterdir()} - {os.fsencode(drops.notes)}
        assert there == set(drops.left) | drops.bad
