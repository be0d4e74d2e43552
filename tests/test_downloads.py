"""Downloads against a stand-in of the hub that breaks, stalls, lies and corrupts."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from sottovoce.errors import ConfigError, DownloadError, ModelError, UsageError
from sottovoce.store import ModelStore, Transferred, token
from sottovoce.store.transfer import Patience
from sottovoce.values import ModelSpec, ModelTask

from .conftest import command, sotto
from .hub import COMMIT, Answer, Hub, serving
from .test_third_party import fake

SIZE = 300_007
DATA = random.Random(1).randbytes(SIZE)
PATIENCE = Patience(attempts=3, pause=0.01, stall=0.3)
SPEC = ModelSpec(
    id="stand-in",
    label="Stand-in",
    task=ModelTask.GENERATION,
    engine="llama",
    tier="compact",
    size=SIZE,
    license="MIT",
    repository="stand/in",
    revision=COMMIT,
    filename="model.gguf",
    sha256=hashlib.sha256(DATA).hexdigest(),
)
WHISPER = replace(
    SPEC, id="folder", task=ModelTask.TRANSCRIPTION, filename=None, sha256=None, engine="whisper"
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub({"model.gguf": DATA})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield hub


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", PATIENCE)


def part_of(store: ModelStore) -> Path:
    return store.folder / ".partial" / "stand-in" / "model.gguf.part"


def assert_complete(store: ModelStore) -> None:
    assert store.installed() == {"stand-in"}
    assert (store.folder / "stand-in" / "model.gguf").read_bytes() == DATA
    assert store.under_way() == {}


def at(seed: int) -> int:
    return random.Random(seed).randrange(1, SIZE)


def test_a_download_is_verified_and_told_of(hub: Hub, store: ModelStore) -> None:
    told: list[Transferred] = []
    path = store.install(SPEC, told.append)
    assert path == store.folder / "stand-in"
    assert_complete(store)
    assert told[0] == Transferred(0, SIZE)
    assert told[-1] == Transferred(SIZE, SIZE)
    assert store.install(SPEC) == path
    assert hub.ranges == [None]
    assert {key for _, key in hub.authorized} == {None}


ENDS_WELL = {
    **{f"drop-{n}": [Answer(drop_after=at(n))] for n in range(8)},
    **{f"reset-{n}": [Answer(drop_after=at(10 + n), resets=True)] for n in range(3)},
    "drop-at-once": [Answer(drop_after=0)],
    "drops": [Answer(drop_after=50_000 + n) for n in range(5)],
    **{f"stall-{n}": [Answer(stall_after=at(20 + n))] for n in range(3)},
    "stall-then-drop": [Answer(stall_after=at(30)), Answer(drop_after=10)],
    **{f"corrupt-{n}": [Answer(corrupt=at(40 + n))] for n in range(3)},
    "corrupt-before-a-drop": [Answer(corrupt=5, drop_after=at(50))],
    "range-ignored": [Answer(drop_after=at(51)), Answer(ignores_range=True)],
    "unavailable": [Answer(status=503), Answer(status=429)],
}


@pytest.mark.parametrize("fault", ENDS_WELL)
def test_a_fault_that_passes_leaves_a_verified_model(
    fault: str, hub: Hub, store: ModelStore
) -> None:
    answers = ENDS_WELL[fault]
    hub.answers = lambda n: answers[n] if n < len(answers) else Answer()
    store.install(SPEC)
    assert_complete(store)
    if fault.startswith(("drop-", "stall-")) and fault != "drop-at-once":
        assert len(hub.ranges) > 1
        assert all(it and it.startswith("bytes=") for it in hub.ranges[1:])


KEEPS_A_PART = {
    "broken-line": (Answer(drop_after=0), "broke off at 100,000 of 300,007"),
    "silence": (Answer(stall_after=0), "nothing came any more"),
    "unavailable-for-good": (Answer(status=503), "answered 503"),
    "link-expired": (Answer(status=403), "may have expired"),
    "another-size": (Answer(claims=SIZE + 5), "is another file"),
    "more-than-promised": (Answer(extra=99), "sent more than"),
}


@pytest.mark.parametrize("fault", KEEPS_A_PART)
def test_a_fault_that_stays_is_one_error_and_a_part_to_go_on_from(
    fault: str, hub: Hub, store: ModelStore
) -> None:
    answer, message = KEEPS_A_PART[fault]
    hub.answers = lambda n: Answer(drop_after=100_000) if n == 0 else answer
    with pytest.raises(DownloadError, match=message):
        store.install(SPEC)
    assert store.installed() == frozenset()
    kept = part_of(store).read_bytes()
    assert len(kept) >= 100_000
    assert kept == DATA[: len(kept)]
    asked = len(hub.ranges)
    hub.answers = lambda n: Answer()
    store.install(SPEC)
    assert_complete(store)
    # What was there was not asked for again.
    if len(kept) < SIZE:
        assert hub.ranges[asked:] == [f"bytes={len(kept)}-"]


def test_bytes_that_stay_wrong_are_no_model(hub: Hub, store: ModelStore) -> None:
    hub.answers = lambda n: Answer(corrupt=7)
    with pytest.raises(DownloadError, match="damaged twice"):
        store.install(SPEC)
    assert store.installed() == frozenset()
    assert not part_of(store).exists()


def test_a_part_that_is_damaged_on_the_disk_is_found_out(hub: Hub, store: ModelStore) -> None:
    part_of(store).parent.mkdir(parents=True)
    part_of(store).write_bytes(bytes(200_000))
    store.install(SPEC)
    assert_complete(store)


def test_a_part_longer_than_the_file_is_thrown_away(hub: Hub, store: ModelStore) -> None:
    part_of(store).parent.mkdir(parents=True)
    part_of(store).write_bytes(DATA + b"x")
    store.install(SPEC)
    assert_complete(store)


@pytest.mark.parametrize("says", [{"says_size": SIZE - 1}, {"says_hash": "0" * 64}])
def test_a_file_that_the_repository_exchanged_is_not_downloaded(
    says: dict[str, int], hub: Hub, store: ModelStore
) -> None:
    vars(hub).update(says)
    with pytest.raises(ModelError, match=r"now has another model\.gguf"):
        store.install(SPEC)
    assert hub.ranges == []


@pytest.mark.parametrize("id", ["qwen3.5-2b", "whisper-tiny"])
def test_a_hub_that_is_not_there_is_one_line_and_no_more(id: str, home: Path) -> None:
    ran = sotto("models", "install", id, home=home, HF_ENDPOINT="http://127.0.0.1:9")
    assert ran.status == 1
    assert ran.err.startswith("sotto: 127.0.0.1 cannot be reached")
    assert len(ran.err.splitlines()) == 1


def test_offline_mode_asks_nobody(
    hub: Hub, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
        store.install(SPEC)
    assert hub.authorized == []


def test_a_file_that_is_gone_from_the_hub(hub: Hub, store: ModelStore) -> None:
    with pytest.raises(ModelError, match=r"has no other\.gguf"):
        store.install(replace(SPEC, filename="other.gguf"))


def test_an_archived_model_is_not_downloaded(hub: Hub, store: ModelStore) -> None:
    with pytest.raises(ModelError, match="archived"):
        store.install(replace(SPEC, archived=True))
    assert hub.authorized == []


def test_a_folder_model_has_every_file_checked(hub: Hub, store: ModelStore) -> None:
    hub.files = {
        "model.bin": DATA,
        "config.json": b"{}",
        "deep/vocabulary.txt": b"a\nb\n",
        "README.md": b"about",
        ".gitattributes": b"",
    }
    hub.answers = lambda n: Answer(drop_after=1_000) if n == 0 else Answer()
    folder = store.install(WHISPER)
    found = {str(it.relative_to(folder)): it.read_bytes() for it in folder.rglob("*.*")}
    assert found == {
        "model.bin": DATA,
        "config.json": b"{}",
        str(Path("deep", "vocabulary.txt")): b"a\nb\n",
    }


def test_a_folder_model_cannot_write_outside_its_folder(hub: Hub, store: ModelStore) -> None:
    hub.files = {"../outside.bin": DATA}
    with pytest.raises(ModelError, match="forbidden name"):
        store.install(WHISPER)


def test_a_gated_repository_gets_the_token_and_its_storage_does_not(
    hub: Hub, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_secret"
    with pytest.raises(DownloadError, match="gated: accept its terms at"):
        store.install(SPEC)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    store.install(SPEC)
    assert_complete(store)
    to_storage = {key for where, key in hub.authorized if "/storage/" in where}
    assert to_storage == {None}


def test_without_a_keyring_a_token_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(ConfigError, match="no keyring.*HF_TOKEN"):
            token.write("hf_secret")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        assert token.read() is None
        assert not token.forget()
    finally:
        keyring.set_keyring(before)


def test_two_models_at_once_and_one_model_twice(hub: Hub, store: ModelStore) -> None:
    hub.answers = lambda n: Answer(slow=0.03)
    other = replace(SPEC, id="other")
    threads = [threading.Thread(target=store.install, args=(it,)) for it in (SPEC, other)]
    for thread in threads:
        thread.start()
    while len(hub.ranges) < 2:
        time.sleep(0.01)
    with pytest.raises(UsageError, match="another sotto is downloading"):
        store.install(SPEC)
    for thread in threads:
        thread.join()
    assert store.installed() == {"stand-in", "other"}


def test_a_model_whose_file_was_deleted_by_hand_is_downloaded_anew(
    hub: Hub, store: ModelStore
) -> None:
    (store.install(SPEC) / "model.gguf").unlink()
    assert store.installed() == frozenset()
    store.install(SPEC)
    assert_complete(store)


def test_a_folder_that_cannot_be_written_to_is_one_line(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="file/models cannot be written: Not a directory"):
        ModelStore(tmp_path / "file" / "models", PATIENCE).install(SPEC)


def test_removing_a_model_removes_what_arrived_of_it(hub: Hub, store: ModelStore) -> None:
    store.install(SPEC)
    assert store.remove("stand-in") == SIZE
    assert store.installed() == frozenset()
    with pytest.raises(ModelError, match="not installed"):
        store.remove("stand-in")


def test_too_small_a_disk_is_said_before_a_byte_is_asked_for(hub: Hub, store: ModelStore) -> None:
    free = shutil.disk_usage(store.folder.parent).free
    hub.says_size = free
    with pytest.raises(DownloadError, match="free some space first"):
        store.install(replace(SPEC, size=free))
    assert hub.ranges == []


FULL = """
import hashlib, sys
from pathlib import Path
from sottovoce.errors import DownloadError
from sottovoce.store.hub import HubFile
from sottovoce.store.transfer import fetch
url, sha256, disk = sys.argv[1:]
ballast = Path(disk, "ballast")
ballast.write_bytes(bytes(150_000))
file = HubFile(name="model.gguf", url=url, size=300_007, sha256=sha256)
path = Path(disk, "model.gguf")
try:
    fetch(file, path, lambda done: None)
except DownloadError as error:
    print(error)
assert not path.exists()
kept = Path(disk, "model.gguf.part").stat().st_size
assert 0 < kept < 300_007, kept
ballast.unlink()
fetch(file, path, lambda done: None)
print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of a chosen size")
def test_a_disk_that_fills_up_keeps_the_part(hub: Hub, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=400k none {disk}"
    alone = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*alone, mount], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    program = [sys.executable, "-c", FULL, f"{hub.storage}/storage/model.gguf", str(SPEC.sha256)]
    done = subprocess.run(
        [*alone, f'{mount} && exec "$@"', "sh", *program, str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    error, sha256 = done.stdout.splitlines()
    assert "the disk is full: model.gguf stands at" in error
    assert sha256 == SPEC.sha256
    assert hub.ranges[-1] is not None


PLUGIN = f"""
from sottovoce import ModelSpec, ModelTask, hookimpl

@hookimpl
def register_models():
    return [ModelSpec(id="stand-in", label="Stand-in", task=ModelTask.GENERATION, engine="llama",
                      tier="compact", size={SIZE}, license="MIT", repository="stand/in",
                      revision="{COMMIT}", filename="model.gguf", sha256="{SPEC.sha256}")]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    fake("standin", PLUGIN, tmp_path / "site")
    return tmp_path / "site"


def test_a_model_that_will_not_fit_is_said_before_its_download(
    hub: Hub, tmp_path: Path, home: Path
) -> None:
    huge = PLUGIN.replace("ModelTask, hookimpl", "ModelShape, ModelTask, hookimpl").replace(
        "tier=", "shape=ModelShape(architecture='llama', layers=99, hidden=16384, "
        "vocabulary=262144, feed_forward=65536, pattern='f', heads=128, kv_heads=128, "
        "head_size=256), n_ctx=262144, read_per_token=1, tier=",
    )  # fmt: skip
    fake("standin", huge, tmp_path / "site")
    ran = sotto("models", "install", "stand-in", home=home, PYTHONPATH=str(tmp_path / "site"))
    assert ran.status == 0, ran.err
    assert ran.err.startswith("sotto: warning: Stand-in won't fit this device: it takes")


def test_the_command_goes_on_after_each_of_three_kills(hub: Hub, site: Path, home: Path) -> None:
    store = ModelStore(home / "data" / "models")
    hub.answers = lambda n: Answer(slow=0.1)
    environment = {**os.environ, "SOTTOVOCE_HOME": str(home), "PYTHONPATH": str(site)}
    sizes = [0]
    for _ in range(3):
        process = subprocess.Popen(command("models", "install", "stand-in"), env=environment)
        while not part_of(store).exists() or part_of(store).stat().st_size <= sizes[-1]:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        sizes.append(part_of(store).stat().st_size)
        assert store.installed() == frozenset()
    hub.answers = lambda n: Answer()
    ran = sotto("models", "install", "stand-in", home=home, PYTHONPATH=str(site))
    assert ran.status == 0, ran.err
    assert_complete(store)
    starts = [int(it.removeprefix("bytes=").rstrip("-")) for it in hub.ranges if it]
    assert starts == sizes[1:]


def test_the_command_is_stopped_by_ctrl_c_and_says_so(hub: Hub, site: Path, home: Path) -> None:
    store = ModelStore(home / "data" / "models")
    hub.answers = lambda n: Answer(slow=0.2)
    process = subprocess.Popen(
        command("models", "install", "stand-in"),
        env={**os.environ, "SOTTOVOCE_HOME": str(home), "PYTHONPATH": str(site)},
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, Ctrl-C is ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not part_of(store).exists() or part_of(store).stat().st_size == 0:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "sotto: stopped; the same command goes on where this one was\n"
    size = part_of(store).stat().st_size
    assert size > 0
    listed = sotto("models", home=home, PYTHONPATH=str(site)).out
    assert "'sotto models install stand-in' goes on" in listed
    shown = sotto("models", "--json", home=home, PYTHONPATH=str(site)).json
    assert shown["under_way"] == {"stand-in": size}
    assert [it for it in shown["models"] if it["id"] == "stand-in"] == []


class Memory(KeyringBackend):
    """A keyring as a desktop has one, for the length of a test."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("there is none")


def test_a_stored_token_opens_a_gated_repository(hub: Hub, store: ModelStore) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    try:
        token.write("hf_secret")
        hub.token = "hf_secret"
        store.install(SPEC)
        assert_complete(store)
        assert token.forget()
        assert token.read() is None
    finally:
        keyring.set_keyring(before)
