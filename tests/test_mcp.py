"""``sotto mcp`` as an assistant sees it: the official SDK's client, over stdio."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters

from sottovoce import UsageError, testing
from sottovoce.errors import LibraryError
from sottovoce.home import VARIABLE, find_home
from sottovoce.library import Library
from sottovoce.library.privacy import set_private
from sottovoce.library.reader import SharedLibrary

from .conftest import command, sotto

Talk = Callable[[Client], Coroutine[Any, Any, None]]


@pytest.fixture
def library(home: Path) -> Path:
    """Two meetings: the sample's, and one with the same words under another title."""
    find_home().create()
    path = find_home().library
    with Library(path) as opened:
        fill(opened, "0a1b2c3d", "Release plan")
        fill(opened, "deadbeef", "Salaries")
    return path


def fill(library: Library, id: str, title: str) -> None:
    recording = testing.recording(id=id, title=title, sha256=id * 8)
    made, done = testing.notes().produced_by
    library.add(recording)
    library.complete_transcript(testing.transcript(recording_id=id), 60.0, made)
    library.save_notes(testing.notes(recording=recording, title=title), done)


def talk(home: Path, what: Talk) -> None:
    """Run ``what`` with a client of a real server process."""
    program, *arguments = command("mcp")
    server = StdioServerParameters(
        command=program, args=arguments, env={**os.environ, VARIABLE: str(home)}
    )

    async def run() -> None:
        async with Client(server, read_timeout_seconds=60) as client:
            await what(client)

    asyncio.run(run())


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    (content,) = result.content
    assert json.loads(content.text) == result.structured_content  # type: ignore[union-attr]
    return result.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


def test_an_assistant_lists_searches_and_reads(library: Path, home: Path) -> None:
    before = library.read_bytes()

    async def assistant(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {it.name for it in tools} == {
            "list_meetings",
            "search",
            "read_transcript",
            "read_notes",
        }
        assert all(it.annotations and it.annotations.read_only_hint for it in tools)
        assert all(it.description for it in tools)

        listed = await call(client, "list_meetings", limit=1)
        assert listed["total"] == 2
        assert [it["id"] for it in listed["meetings"]] == ["0a1b2c3d"]
        assert (await call(client, "list_meetings", since="2026-03-13"))["meetings"] == []

        hits = (await call(client, "search", query='pricing OR "acme*'))["hits"]
        assert hits == []  # nothing typed is an operator
        hits = (await call(client, "search", query="pricing Acme"))["hits"]
        assert {(it["meeting_id"], it["segment"], it["speaker"]) for it in hits} == {
            ("0a1b2c3d", 3, "Tom"),
            ("deadbeef", 3, "Tom"),
        }

        page = await call(client, "read_transcript", meeting="release plan", seconds=30)
        assert [it["id"] for it in page["segments"]] == [0, 1, 2]
        rest = await call(
            client, "read_transcript", meeting="0a1b2c3d", start=page["next_start"], seconds=30
        )
        assert [it["id"] for it in rest["segments"]] == [3, 4]
        assert rest["next_start"] is None

        notes = (await call(client, "read_notes", meeting="0a1b2c3d"))["notes"]
        assert notes["action_items"][0]["assignee"] == "Tom"

        templates = (await client.list_resource_templates()).resource_templates
        assert len(templates) == 2
        (text,) = (await client.read_resource("meeting://0a1b2c3d/transcript")).contents
        assert text.text.splitlines()[2] == "[24 s] Ana López: Then we release on Friday."  # type: ignore[union-attr]
        (text,) = (await client.read_resource("meeting://0a1b2c3d/notes")).contents
        assert json.loads(text.text)["notes"] == notes  # type: ignore[union-attr]

    talk(home, assistant)
    assert library.read_bytes() == before


def test_a_private_meeting_is_nowhere_from_the_next_answer_on(library: Path, home: Path) -> None:
    async def assistant(client: Client) -> None:
        assert (await call(client, "list_meetings"))["total"] == 2
        ran = await asyncio.to_thread(sotto, "meetings", "private", "salaries", "on", home=home)
        assert ran.out == "deadbeef private: on\n", ran.err
        listed = await call(client, "list_meetings")
        assert (listed["total"], listed["meetings"][0]["id"]) == (1, "0a1b2c3d")
        hits = (await call(client, "search", query="pricing"))["hits"]
        assert [it["meeting_id"] for it in hits] == ["0a1b2c3d"]
        for name in ("deadbeef", "Salaries", "dead"):
            unknown = (await refusal(client, "read_transcript", meeting="nonesuch")).replace(
                "nonesuch", name
            )
            for tool in ("read_transcript", "read_notes"):
                assert await refusal(client, tool, meeting=name) == unknown.replace(
                    "read_transcript", tool
                )
        for kind in ("notes", "transcript"):
            with pytest.raises(MCPError):
                await client.read_resource(f"meeting://deadbeef/{kind}")

    talk(home, assistant)
    assert sotto("meetings", "private", "deadbeef", home=home).out == "deadbeef private: on\n"
    assert sotto("meetings", "private", "deadbeef", "off", home=home).status == 0
    with SharedLibrary(library) as shared:
        assert len(shared.meetings()) == 2


def test_what_an_assistant_asks_wrongly_is_answered_in_a_line(library: Path, home: Path) -> None:
    async def assistant(client: Client) -> None:
        assert "no word" in await refusal(client, "search", query=" ?! ")
        assert "fits 2 meetings" in await refusal(client, "read_notes", meeting="l")
        assert "limit" in await refusal(client, "search", query="a", limit=0)
        with pytest.raises(MCPError):
            await client.read_resource("meeting://..%2Fx/notes")

    talk(home, assistant)


def test_without_a_library_the_server_says_how_to_begin(home: Path) -> None:
    async def assistant(client: Client) -> None:
        assert "sotto process" in await refusal(client, "list_meetings")

    talk(home, assistant)
    assert not find_home().library.exists()


def test_the_shared_library_cannot_be_written_to(library: Path) -> None:
    with SharedLibrary(library) as shared:
        changes: list[Callable[[], None]] = [
            lambda: shared.delete("0a1b2c3d"),
            lambda: shared.rename("0a1b2c3d", "x", by_person=True),
            lambda: shared.rename_speaker("0a1b2c3d", "Tom", "Tim"),
            lambda: set_private(shared, "0a1b2c3d", True),
        ]
        for change in changes:
            with pytest.raises((LibraryError, sqlite3.Error)):
                change()
        shared._db.execute("PRAGMA query_only = OFF")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            shared._db.execute("DELETE FROM main.meetings")


def test_no_table_of_a_private_meeting_is_left_visible(library: Path) -> None:
    with Library(library) as opened:
        set_private(opened, "deadbeef", True)
    with SharedLibrary(library) as shared:
        tables = shared._rows(
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND sql LIKE '%meeting_id%'"
            " AND name != 'private_meetings'"
        )
        assert len(tables) >= 5
        for (name,) in tables:
            assert not shared._rows(f"SELECT 1 FROM {name} WHERE meeting_id = 'deadbeef'")
        with pytest.raises(UsageError):
            shared.find("deadbeef")
        assert shared.transcript("deadbeef").segments == ()


def test_a_library_of_another_version_is_refused(library: Path) -> None:
    for version, advice in ((1, "sotto meetings"), (9999, "upgrade")):
        with sqlite3.connect(library) as db:
            db.execute(f"PRAGMA user_version = {version}")
        db.close()
        with pytest.raises(LibraryError, match=advice):
            SharedLibrary(library)


def test_without_the_sdk_the_extra_is_named(home: Path) -> None:
    import subprocess

    code = (
        "import sys\nsys.modules['mcp.server'] = None\n"
        "from sottovoce.cli import main\nsys.exit(main(['mcp']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "sotto: mcp is not installed; run: pip install 'sottovoce[mcp]'\n",
    )
