"""``python -m sottovoce_catalog.notes_adapter MODEL.gguf --qmsum ARCHIVE``: the whole recipe."""

from __future__ import annotations

import argparse
import hashlib
import logging
import math
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dataset import Sample
    from .model import Llama
    from .score import Score
    from .tokens import ModelTokenizer

log = logging.getLogger(__name__)


def recipe() -> dict[str, Any]:
    """The committed recipe, as it stands in recipe.toml."""
    return tomllib.loads((files(__package__) / "recipe.toml").read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sottovoce_catalog.notes_adapter", description=__doc__
    )
    parser.add_argument("model", type=Path, help="the starter's GGUF")
    parser.add_argument("--qmsum", type=Path, help="qmsum_train.jsonl.xz: real talk to strew in")
    parser.add_argument("--out", type=Path, default=Path("notes-lora.gguf"))
    parser.add_argument(
        "--start", type=Path, help="an adapter to go on from, instead of from nothing"
    )
    parser.add_argument("--windows", type=int, help="instead of the recipe's")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, decayed, after that")
    parser.add_argument("--learning-rate", type=float, help="instead of the recipe's")
    parser.add_argument("--batch-tokens", type=int, help="instead of the recipe's")
    parser.add_argument("--first-layer", type=int, default=0, help="train from this layer up")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    run(options)


def run(options: argparse.Namespace) -> None:
    import torch

    from . import dataset
    from .model import Llama
    from .tokens import ModelTokenizer
    from .train import Schedule, train

    plan = recipe()
    training = plan["training"]
    seed = options.seed or plan["seed"]
    samples = dataset.training(options.windows or plan["data"]["windows"], seed, options.qmsum)
    data_hash = dataset.digest(samples)
    log.info("%d samples, sha256 %s", len(samples), data_hash)
    tokenizer = ModelTokenizer(options.model)
    rows = tokenizer.rows(samples)
    log.info("%d tokens", sum(len(ids) for ids, _ in rows))
    cuda = torch.cuda.is_available()
    model = Llama(
        options.model,
        rank=plan["rank"],
        alpha=plan["alpha"],
        device="cuda" if cuda else "cpu",
        dtype=torch.bfloat16 if cuda else torch.float32,
        seed=seed,
        first=options.first_layer,
    )
    if options.start:
        model.load(options.start)
    schedule = Schedule(
        epochs=training["epochs"],
        learning_rate=options.learning_rate or training["learning_rate"],
        batch_tokens=options.batch_tokens or training["batch_tokens"],
        warmup=training["warmup"],
        minutes=options.minutes,
    )

    def save(step: int) -> None:
        told = {
            "recipe.version": plan["version"],
            "recipe.seed": str(seed),
            "recipe.data_sha256": data_hash,
            "recipe.windows": str(len(samples)),
            "recipe.steps": str(step),
            "recipe.batch_tokens": str(schedule.batch_tokens),
            "recipe.learning_rate": str(schedule.learning_rate),
            "recipe.first_layer": str(options.first_layer),
            "recipe.device": torch.cuda.get_device_name() if cuda else "CPU",
            "recipe.base_sha256": _sha256(options.model),
            "recipe.start_sha256": _sha256(options.start) if options.start else "",
        }
        _write(options.out, model, told)
        log.info("step %d: %s", step, options.out)

    train(model, rows, schedule, seed, save)
    if not cuda:
        return
    made = dataset.synthetic(plan["data"]["held_out"], dataset.TEST_SEED, "test")
    log.info("held out:\n%s", _held_out(model, tokenizer, list(made)))
    if options.qmsum:
        known = list(dataset.real_test(options.qmsum))
        log.info("real, held out:\n%s", _held_out(model, tokenizer, known))


def _held_out(model: Llama, tokenizer: ModelTokenizer, samples: list[Sample]) -> Score:
    """The test of evaluate.py, answered in torch, many windows at once."""
    from .contract import prompt
    from .score import Score

    score = Score()
    for start in range(0, len(samples), 64):
        part = samples[start : start + 64]
        asked = [tokenizer.encode(prompt(lines)) for lines, _ in part]
        for (lines, truth), answer in zip(part, model.generate(asked, tokenizer.end), strict=True):
            score.add(lines, truth, tokenizer.decode(answer))
    return score


def _write(path: Path, model: Llama, told: dict[str, str]) -> None:
    from . import adapter_file

    halves = (("lora_a", model.a), ("lora_b", model.b))
    tensors = {
        f"{name}.{half}": value.detach().cpu().numpy()
        for half, values in halves
        for name, value in values.items()
    }
    unfinished = path.with_suffix(".tmp")
    adapter_file.write(unfinished, tensors, alpha=model.alpha, metadata=told)
    unfinished.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
