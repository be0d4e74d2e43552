"""Nothing connects but what was configured: a guard in the host and in every worker.

In the host an audit hook of the interpreter (PEP 578) sees every name that is looked up and every
address that is connected to, from whatever Python code, and lets through what `allow_hosts` opened.
What listens may do so for this machine alone.
In the workers nothing is open, and on Linux the kernel refuses them network sockets (seccomp), so
that native code cannot have any either (`close_network`).

What the hook does not see, the host's native code and the programs that a plugin starts, is said
in docs/how-to/keep-it-private.md.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import errno
import ipaddress
import logging
import os
import platform
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from .errors import NetworkRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


_SILENT = {
    # onnxruntime carries an address for telemetry; with this set, a whole run makes no connect.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Asks libraries not to try; what they try all the same is refused"""


@dataclass(frozen=True, slots=True)
class Opening:
    """Hosts that the block at hand may connect to."""

    hosts: frozenset[str]
    why: str


# An audit hook belongs to the process and cannot be taken back: so does what it consults.
_open: contextvars.ContextVar[tuple[Opening, ...]] = contextvars.ContextVar("open", default=())
_calling: contextvars.ContextVar[str | None] = contextvars.ContextVar("calling", default=None)
_modules: dict[str, str] = {}
_addresses: dict[str, str] = {}
"""What the names of open hosts were resolved to: a connection names only the address"""
_state = {"installed": False, "loopback": True}


@contextlib.contextmanager
def allow_hosts(*hosts: str, why: str) -> Iterator[None]:
    """Let the block connect to these hosts, in the thread that it runs in, and say why.

    A host is a name or an address; ``.example.com`` is every host below ``example.com``. What opens
    hosts belongs into ``register_connections`` as well: from there ``sotto privacy`` lists it.
    """
    opening = Opening(frozenset(it.lower().rstrip(".") for it in hosts if it), why)
    log.info("may connect to %s: %s", ", ".join(sorted(opening.hosts)), why)
    token = _open.set((*_open.get(), opening))
    try:
        yield
    finally:
        _open.reset(token)


@contextlib.contextmanager
def calling(plugin: str) -> Iterator[None]:
    """Whom to name when something in the block tries to connect."""
    token = _calling.set(plugin)
    try:
        yield
    finally:
        _calling.reset(token)


def belongs(module: str, plugin: str) -> None:
    """Remember whose a module is, for what runs in threads of the plugin's own."""
    package = module.partition(".")[0]
    # All of a third party's package is the plugin's; of ours each has its own module.
    _modules.setdefault(module if package.startswith("sottovoce") else package, plugin)


def install() -> None:
    """Watch over this process from now on. There is no way back."""
    if _state["installed"]:
        return
    _state["installed"] = True
    os.environ.update(_SILENT)
    original = socket.getaddrinfo

    @wraps(original)
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(host, *args, **kwargs)
        name = _text(host)
        if name and _is_open(name):
            _addresses.update({it[4][0]: name for it in found if isinstance(it[4][0], str)})
        return found

    socket.getaddrinfo = getaddrinfo
    sys.addaudithook(_audit)


def confine(name: str) -> str:
    """Close the network to this process, a worker; how it was done: ``kernel`` or ``python``."""
    _calling.set(None)
    _modules["__main__"] = _modules[""] = name
    _state["loopback"] = False
    install()
    try:
        close_network()
    except OSError as error:
        log.warning("the kernel does not close the network to this process: %s", error)
        return "python"
    log.info("the kernel closes the network to this process")
    return "kernel"


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    match event:
        case "socket.__new__" if not _state["loopback"]:
            if arguments[1] in (socket.AF_INET, socket.AF_INET6):
                _refuse("the network")
        case "socket.connect" | "socket.sendto" | "socket.sendmsg":
            _check_address(*arguments)
        case "socket.bind":
            _check_listening(*arguments)
        case "socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr":
            name = _text(arguments[0])
            if name and not _is_address(name):  # an address is checked when it is connected to
                port = arguments[1] if event == "socket.getaddrinfo" else None
                _check_host(name, port)


def _check_address(connection: socket.socket, address: Any) -> None:
    if address is None or connection.family in (getattr(socket, "AF_UNIX", None), _NETLINK):
        return
    if isinstance(address, tuple) and connection.family in (socket.AF_INET, socket.AF_INET6):
        _check_host(_text(address[0]), address[1])
    else:
        _refuse(str(address))


def _check_listening(connection: socket.socket, address: Any) -> None:
    """Other machines reach nothing here: what listens does so for this one alone."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = _text(address[0]) if isinstance(address, tuple) and address else ""
    if not host or not _is_loopback(host):  # none stands for all of the machine's addresses
        _refuse(_shown(host or "all addresses", address[1:2] and address[1]), listening=True)


def _check_host(host: str, port: Any) -> None:
    if _is_loopback(host):
        if not _state["loopback"]:
            _refuse(_shown(host, port))
        return
    name = _addresses.get(host, host)
    if not (_is_open(name) or _is_open(host)):
        _refuse(_shown(name, port))


def _refuse(where: str, *, listening: bool = False) -> None:
    who = _who()
    what = "listen on" if listening else "connect to"
    log.error("%s tried to %s %s and was stopped", f"'{who}'" if who else "a part", what, where)
    raise NetworkRefusedError(who, where, listening)


def _who() -> str | None:
    """The plugin whose code is nearest on the stack, else the one that the host is calling."""
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        while module:
            if module in _modules and module != "__main__":
                return _modules[module]
            module = module.rpartition(".")[0]
        frame = frame.f_back  # type: ignore[assignment]
    return _calling.get() or _modules.get("")


def _is_open(host: str) -> bool:
    host = host.lower().rstrip(".")
    return any(
        host == it or (it.startswith(".") and host.endswith(it))
        for opening in _open.get()
        for it in opening.hosts
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") in ("localhost", ""):
        return True
    return _is_address(host) and ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else host or ""


def _shown(host: str, port: Any) -> str:
    return f"{host}:{port}" if port else host


_NETLINK = getattr(socket, "AF_NETLINK", -1)
# <linux/audit.h>, and the numbers of socket, io_uring_setup and seccomp
_SYSTEM_CALLS = {"x86_64": (0xC000003E, 41, 425, 317), "aarch64": (0xC00000B7, 198, 425, 277)}
_NO_NEW_PRIVILEGES, _SET_FILTER, _ALL_THREADS = 38, 1, 1
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # <linux/bpf_common.h>
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000  # <linux/seccomp.h>
_X32 = 0x40000000
"""Added to the numbers of x86-64's second set of system calls"""


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def close_network() -> None:
    """Have the kernel refuse all sockets but those of this machine (Unix, netlink), for good.

    It holds for this process, its threads, and what it starts. Needs no privilege. Raises
    ``OSError`` where the system is not Linux, or has no such filter.
    https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
    """
    if not sys.platform.startswith("linux") or platform.machine() not in _SYSTEM_CALLS:
        raise OSError(errno.ENOSYS, f"there is no filter for {sys.platform} {platform.machine()}")
    machine, open_socket, open_ring, seccomp = _SYSTEM_CALLS[platform.machine()]
    # Offsets are those of struct seccomp_data; jumps count the instructions that they skip.
    lines = [
        (_LOAD, 0, 0, 4),  # the machine
        (_EQUAL, 0, 7, machine),
        (_LOAD, 0, 0, 0),  # the number of the call
        (_AT_LEAST, 5, 0, _X32),
        (_EQUAL, 4, 0, open_ring),  # a ring opens sockets without the call for it
        (_EQUAL, 0, 4, open_socket),
        (_LOAD, 0, 0, 16),  # its first argument: the family
        (_EQUAL, 2, 0, socket.AF_UNIX),
        (_EQUAL, 1, 0, _NETLINK),
        (_RETURN, 0, 0, _FAIL | errno.EACCES),
        (_RETURN, 0, 0, _ALLOW),
    ]
    instructions = (_Instruction * len(lines))(*(_Instruction(*it) for it in lines))
    program = _Program(len(lines), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    done = libc.syscall(
        ctypes.c_long(seccomp),
        ctypes.c_ulong(_SET_FILTER),
        ctypes.c_ulong(_ALL_THREADS),
        ctypes.byref(program),
    )
    if done != 0:
        raise OSError(ctypes.get_errno() or errno.EBUSY, "the filter was refused")


def worker_network() -> str:
    """What closes the network to workers here, tried in a process: ``kernel`` or ``python``."""
    done = subprocess.run(
        [sys.executable, "-c", "from sottovoce import guard; print(guard.confine('a trial'))"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "kernel" if done.stdout.strip() == "kernel" else "python"
