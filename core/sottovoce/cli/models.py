"""``sotto models``: which models there are, and what each would be like on this device."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, ModelError, SottovoceError, UsageError
from ..values import EngineSettings, ModelSpec, ModelTask
from . import install
from .output import print_json
from .picker import minutes, rounded, tokens

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterator

    from ..engines.llama.settings import LlamaSettings
    from ..fit import Fit
    from ..host import Host
    from ..memory import Memory
    from ..picker import Choice, Picker
    from ..speed import Speed
    from ..values import HardwareProfile

log = logging.getLogger(__name__)

_LOOK, _BUSY = 0.5, 25.0
"""Seconds, and percent of the processor that others may use in them, before a measurement"""
_CUSTOM_CONTEXT = 16_384
"""Tokens that a file of the hub is shown with room for, unless the person says otherwise"""


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "models",
        help="list, show and measure the models for this device",
        description="The models: how each would fit this device, and how fast it would be.",
    )
    _list_options(parser)
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    command = actions.add_parser("list", help="list the models (the default)")
    _list_options(command)
    command.set_defaults(run=run_list)

    command = actions.add_parser("show", help="show what a model takes and how fast it would be")
    command.add_argument(
        "model",
        metavar="MODEL",
        help="its id; or a GGUF file; or OWNER/NAME/FILE.gguf, a file on the model hub, of which "
        "the header is fetched",
    )
    command.add_argument("--context", type=int, metavar="TOKENS", help="with room for so many")
    command.add_argument("--small-cache", action="store_true", help="with keys and values in 8 bit")
    command.add_argument("--json", action="store_true", help="print as JSON")
    command.set_defaults(run=run_show)

    command = actions.add_parser(
        "bench", help="measure an installed model; estimates use what was measured from then on"
    )
    command.add_argument("model", metavar="MODEL", help="its id")
    command.add_argument("--json", action="store_true", help="print as JSON")
    command.set_defaults(run=run_bench)

    install.add(actions)


def _list_options(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.add_argument(
        "--override", action="store_true", help="list also what this device is not made for"
    )


def installed_models(host: Host) -> frozenset[str]:
    """The ids of the models that are on this device, and where they are to be."""
    return (host.store.installed() & host.models.keys()) - host.store.missing().keys()


def measured_hardware(host: Host) -> HardwareProfile:
    """This device with its memory's bandwidth, which takes a moment to measure."""
    from ..hardware import measure_bandwidth
    from ..measured import best_bandwidth

    best = best_bandwidth(host.home.speeds, host.hardware, measure_bandwidth())
    return dataclasses.replace(host.hardware, bandwidth=best)


def look(host: Host, installed: frozenset[str], *, override: bool = False) -> Picker:
    """The models as this device would run them, by what was measured of it."""
    from ..measured import load_speeds
    from ..picker import pick

    hardware = measured_hardware(host)
    return pick(
        host.models.values(),
        hardware,
        installed=installed,
        measured=load_speeds(host.home.speeds, hardware),
        engine=_engine(host),
        override=override,
    )


def _engine(host: Host) -> EngineSettings:
    """What the person chose for the engine on this device; nothing, where the file is not its."""
    try:
        return host.config.engine
    except ConfigError:
        return EngineSettings()


def run_list(host: Host, arguments: Namespace) -> int:
    installed, missing = installed_models(host), host.store.missing()
    picker = look(host, installed, override=arguments.override)
    transcription = [it for it in host.models.values() if it.task is ModelTask.TRANSCRIPTION]
    if arguments.json:
        print_json(
            {
                "models": [_choice_to_json(it) for it in picker.choices],
                "transcription": [_spec_to_json(it, installed) for it in transcription],
                "blocked": picker.blocked,
                "overridden": picker.overridden,
                "advisories": list(picker.advisories),
                "missing": missing,
                "under_way": host.store.under_way(),
            }
        )
        return 0
    from rich.text import Text

    from .picker import show_picker, show_transcription, wide_console

    console = wide_console()
    for said in missing.values():
        console.print(Text(f"Warning: {said}", style="yellow"))
    show_picker(console, picker)
    chosen = dataclasses.asdict(_engine(host)).items()
    if said := ", ".join(f"engine.{name} = {it}" for name, it in chosen if it is not None):
        console.print(Text(f"\nReckoned with what is set on this device: {said}"))
    console.print()
    show_transcription(console, transcription, installed)
    console.print(Text(f"\n{_in_use(host, installed)}"))
    for line in _under_way(host):
        console.print(Text(line))
    return 0


def _under_way(host: Host) -> Iterator[str]:
    from ..fit import gigabytes

    for id, arrived in host.store.under_way().items():
        if (spec := host.models.get(id)) is not None:
            yield (
                f"Begun: {spec.label}, {gigabytes(arrived)} of {gigabytes(spec.size)}; 'sotto "
                f"models install {id}' goes on, 'sotto models remove {id}' deletes it"
            )


def _in_use(host: Host, installed: frozenset[str]) -> str:
    try:
        used = [host.model(task) for task in ModelTask]
    except SottovoceError as error:
        return f"In use: none; {error}"
    here = [it.package is not None or it.id in installed for it in used]
    speech, language = (
        f"{it.label}{'' if is_here else ' (not installed)'}"
        for it, is_here in zip(used, here, strict=True)
    )
    return f"In use: {speech} to transcribe, {language} for notes"


def run_show(host: Host, arguments: Namespace) -> int:
    name = arguments.model
    if name in host.models or not ("/" in name or name.endswith(".gguf")):
        return _show_fit(host, find_model(host, name), None, arguments)
    if (path := Path(name).expanduser()).is_file():
        return _show_fit(host, describe_file(path), path, arguments)
    from ..hub_header import fetch_header

    found = fetch_header(name)
    with found.as_file() as path:
        spec = describe_file(path, repository=found.repository, filename=found.filename)
        return _show_fit(host, spec, path, arguments)


def describe_file(
    path: Path, *, repository: str | None = None, filename: str | None = None
) -> ModelSpec:
    """A model that is not in the catalog, as its header describes it. Raises ``ModelError``."""
    from ..gguf import read_header, shape_of

    header = read_header(path)
    longest = int(header.of("context_length", 4096))
    return ModelSpec(
        id=path.stem,
        label=str(header.metadata.get("general.name") or path.stem),
        task=ModelTask.GENERATION,
        engine="llama",
        tier="custom",
        size=path.stat().st_size,
        license=str(header.metadata.get("general.license") or "not said"),
        repository=repository,
        filename=filename or str(path),
        n_ctx=min(longest, _CUSTOM_CONTEXT),
        longest_ctx=longest,
        shape=shape_of(header),
    )


def _show_fit(host: Host, spec: ModelSpec, path: Path | None, arguments: Namespace) -> int:
    from ..engines.llama.settings import settings_of
    from ..fit import fit
    from ..measured import load_speeds
    from ..speed import estimate

    if spec.shape is None:
        return _show_plain(host, spec, arguments.json)
    settings = settings_of(spec, _engine(host))
    context = arguments.context or settings.n_ctx
    if context < 256 or (spec.longest_ctx and context > spec.longest_ctx):
        raise UsageError(
            f"{spec.label} takes a context of 256 to {spec.longest_ctx or spec.n_ctx} tokens"
        )
    hardware = measured_hardware(host)
    kv_type = "q8_0" if arguments.small_cache else settings.kv_type
    settings = dataclasses.replace(settings, n_ctx=context, kv_type=kv_type)
    path = path or _file(spec)
    exact = _read_file(path) if path else {}
    placed = fit(spec, hardware, settings=settings, **exact)
    planned = _plan(path, dataclasses.replace(settings, n_gpu_layers=placed.gpu_layers))
    measured = load_speeds(host.home.speeds, hardware).get(spec.id)
    speed = estimate(spec, placed, hardware, measured=measured, **exact)
    if arguments.json:
        print_json(
            _spec_to_json(spec, installed_models(host))
            | {"n_ctx": context, "kv_type": kv_type}
            | _fit_to_json(placed, speed)
            | {"planned_memory": _memory_to_json(planned) if planned else None}
        )
        return 0
    _show(host, spec, placed, speed, settings, bool(exact))
    if planned:
        from ..fit import gigabytes

        print(f"\nllama.cpp itself plans {gigabytes(planned.total)} for this file.")
    return 0


def _file(spec: ModelSpec) -> Path | None:
    """Of a model that is on this device."""
    from ..engines.llama.files import model_file
    from ..errors import MissingExtraError

    try:
        return model_file(spec)
    except MissingExtraError:
        return None
    except ModelError:
        if spec.package is not None:
            raise
        return None


def _read_file(path: Path) -> dict[str, Any]:
    from ..gguf import read_header, shape_of, weights_of

    header = read_header(path)
    return {"shape": shape_of(header), "weights": weights_of(header)}


def _plan(path: Path | None, settings: LlamaSettings) -> Memory | None:
    """What llama.cpp says itself; ``None`` where there is no file, or no llama.cpp."""
    from ..engines.llama.sizing import measure
    from ..errors import MissingExtraError

    try:
        return measure(path, settings) if path else None
    except MissingExtraError:
        return None


def _show(
    host: Host, spec: ModelSpec, placed: Fit, speed: Speed, settings: LlamaSettings, exact: bool
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..fit import Verdict, gigabytes

    assert spec.shape is not None
    here = spec.id in installed_models(host) or spec.repository is None
    origin = ", ".join(filter(None, (spec.repository or spec.package, spec.filename)))
    slow = " + Slow" if placed.slow and placed.verdict is not Verdict.WONT else ""
    reason = f" ({placed.reason})" if placed.reason else ""
    on_gpu = "nothing: all of it runs on the CPU"
    if placed.gpu is not None:
        on_gpu = f"{placed.gpu_layers} of {spec.shape.layers + 1} layers, {placed.gpu.name}"
    rows = {
        "Stars": "★" * spec.stars or f"none: the {spec.tier} tier",
        "License": spec.license,
        "From": origin,
        "Disk": f"{gigabytes(spec.size)} ({spec.size:,} bytes)",
        "Installed": ("yes" if here else "no") + (", archived" if spec.archived else ""),
        "Context": f"{settings.n_ctx:,} tokens, of at most {spec.longest_ctx or spec.n_ctx:,}",
        "Fit": f"{placed.verdict}{slow}{reason}",
        "On the GPU": on_gpu,
        "Writes": f"{tokens(speed)} tokens/s{', measured' if speed.measured else ''}",
        "Reads": f"{rounded(speed.prefill.low)}–{rounded(speed.prefill.high)} tokens/s",
        "Notes": f"a one-hour meeting's notes take {minutes(speed.notes)}",
    }
    if spec.published_memory:
        rows["Published"] = f"{gigabytes(spec.published_memory)} of memory at load"
    console = Console()
    console.print(Text(f"{spec.label}  ({spec.id})", style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in rows.items():
        table.add_row(Text(name, style="dim"), Text(value))
    console.print(table)
    source = "from the file itself" if exact else "from the catalog"
    table = Table(box=None, pad_edge=False, title=f"Memory, {source}", title_justify="left")
    for column in ("", "weights", "keys and values", "state", "computing", "in all"):
        table.add_column(column, justify="right" if column else "left")
    for name, part in (("GPU", placed.memory.gpu), ("system", placed.memory.cpu)):
        if part.total == 0:
            continue
        sizes = (part.weights, part.kv, part.state, part.compute, part.total)
        table.add_row(name, *(f"{size / 2**20:,.0f} MB" for size in sizes))
    console.print()
    console.print(table)


def _show_plain(host: Host, spec: ModelSpec, as_json: bool) -> int:
    """A model whose memory is not computed: those that transcribe."""
    installed = installed_models(host)
    if as_json:
        print_json(_spec_to_json(spec, installed))
        return 0
    from ..fit import gigabytes

    here = "yes" if spec.id in installed else "no"
    rows = {
        "Task": spec.task,
        "License": spec.license,
        "From": ", ".join(filter(None, (spec.repository or spec.package, spec.filename))),
        "Disk": f"{gigabytes(spec.size)} ({spec.size:,} bytes)",
        "Installed": here if spec.package is None else f"with the extra '{spec.extra}'",
        "Languages": ", ".join(spec.languages) or "many",
        "Translates": "into English" if spec.translates else "no",
    }
    print(f"{spec.label}  ({spec.id})")
    for name, value in rows.items():
        print(f"{name:11} {value}")
    return 0


def run_bench(host: Host, arguments: Namespace) -> int:
    from ..bench import measure_speed
    from ..measured import save_speed

    spec = find_model(host, arguments.model)
    if spec.task is not ModelTask.GENERATION:
        raise UsageError(f"{spec.label} transcribes; only language models are measured")
    import psutil
    from rich.console import Console

    with contextlib.closing(host.load_text_generator(spec)) as generator:
        if (busy := psutil.cpu_percent(_LOOK)) > _BUSY:
            log.warning(
                "other programs use %.0f %% of the processor: it measures less than it is", busy
            )
        with Console(stderr=True).status(f"Measuring {spec.label}"):
            measured = measure_speed(generator)
    save_speed(host.home.speeds, host.hardware, spec.id, measured)
    if arguments.json:
        print_json({"id": spec.id} | dataclasses.asdict(measured))
        return 0
    print(f"{spec.label} writes {rounded(measured.generation)} tokens/s here", end="")
    print(f" and reads {rounded(measured.prefill)} tokens/s. Estimates use this from now on.")
    return 0


def find_model(host: Host, id: str) -> ModelSpec:
    """Raises ``ModelError`` for an id that is not known."""
    if (spec := host.models.get(id)) is None:
        raise ModelError(f"no model '{id}'; known: {', '.join(host.models)}")
    return spec


def _choice_to_json(choice: Choice) -> dict[str, Any]:
    ids = frozenset({choice.spec.id} if choice.installed else ())
    return (
        _spec_to_json(choice.spec, ids)
        | {"recommended": choice.recommended}
        | _fit_to_json(choice.fit, choice.speed)
    )


def _spec_to_json(spec: ModelSpec, installed: frozenset[str]) -> dict[str, Any]:
    return {
        "id": spec.id,
        "label": spec.label,
        "task": spec.task,
        "tier": spec.tier,
        "stars": spec.stars,
        "size": spec.size,
        "license": spec.license,
        "repository": spec.repository,
        "archived": spec.archived,
        "installed": spec.id in installed,
    }


def _fit_to_json(placed: Fit, speed: Speed) -> dict[str, Any]:
    return {
        "fit": placed.verdict,
        "slow": placed.slow,
        "reason": placed.reason,
        "gpu": placed.gpu.name if placed.gpu else None,
        "gpu_layers": placed.gpu_layers,
        "memory": _memory_to_json(placed.memory),
        "tokens_per_second": dataclasses.asdict(speed.generation),
        "read_per_second": dataclasses.asdict(speed.prefill),
        "measured": speed.measured,
        "hour_of_notes_seconds": dataclasses.asdict(speed.notes),
    }


def _memory_to_json(memory: Memory) -> dict[str, Any]:
    return {
        "total": memory.total,
        "gpu": dataclasses.asdict(memory.gpu),
        "system": dataclasses.asdict(memory.cpu),
    }
