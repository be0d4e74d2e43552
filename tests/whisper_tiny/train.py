"""Trains the test model: Whisper's architecture, as small as it goes. Needs torch and numpy alone.

    python train.py speech.npz weights.npz [seconds]

Windows are composed anew for every step from the spoken sentences: several in a row, at another
pace, pitch and loudness, in noise, after a pause. Beside the text the encoder learns to spell it
out frame by frame (CTC), without which a model this small takes hours to begin to listen.
"""

# mypy: ignore-errors
from __future__ import annotations

import math
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, ENCODER, DECODER = 96, 3, 3, 2
POSITIONS, LONGEST = 1_500, 448
SIZE = 51_865
"""Tokens of Whisper's vocabulary: what is not trained counts as if it were all there"""
LOW, SPAN = -10.0, 13.0
END, SOT, EN, DE, TRANSLATE, TRANSCRIBE, PREVIOUS, NO_SPEECH, NO_STAMPS, OTHER = range(10)
"""After the words, in the compact vocabulary of training; OTHER stands for all unused tokens"""


def sinusoids(length: int, width: int) -> torch.Tensor:
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.v, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.k = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: torch.Tensor, other: torch.Tensor, causal: bool = False) -> torch.Tensor:
        split = lambda it: it.unflatten(-1, (HEADS, -1)).transpose(1, 2)  # noqa: E731
        q, k, v = split(self.q(x)), split(self.k(other)), split(self.v(other))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, cross: bool) -> None:
        super().__init__()
        self.attention, self.attention_norm = Attention(), nn.LayerNorm(WIDTH)
        self.cross = Attention() if cross else None
        self.cross_norm = nn.LayerNorm(WIDTH) if cross else None
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: torch.Tensor, heard: torch.Tensor | None = None) -> torch.Tensor:
        y = self.attention_norm(x)
        x = x + self.attention(y, y, causal=heard is not None)
        if self.cross is not None:
            x = x + self.cross(self.cross_norm(x), heard)
        return x + self.down(F.gelu(self.up(self.norm(x))))


class Tiny(nn.Module):
    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = words
        self.conv1 = nn.Conv1d(80, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.encoder = nn.ModuleList(Layer(False) for _ in range(ENCODER))
        self.encoder_norm = nn.LayerNorm(WIDTH)
        self.tokens = nn.Embedding(words + OTHER + 1, WIDTH)
        self.positions = nn.Parameter(torch.randn(LONGEST, WIDTH) * 0.02)
        self.decoder = nn.ModuleList(Layer(True) for _ in range(DECODER))
        self.decoder_norm = nn.LayerNorm(WIDTH)
        self.spelling = nn.Linear(WIDTH, words + 1)
        self.register_buffer("sinusoids", sinusoids(POSITIONS, WIDTH))
        nn.init.normal_(self.tokens.weight, std=0.05)
        # Attention looks close by from the start: the first layers' keys and queries see the
        # sinusoids alone, and those of near places are alike.
        for layer in self.encoder:
            nn.init.eye_(layer.attention.q.weight)
            nn.init.eye_(layer.attention.k.weight)

    def encode(self, mel: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.sinusoids[: x.shape[1]]
        for layer in self.encoder:
            x = layer(x)
        return self.encoder_norm(x)

    def decode(self, tokens: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        x = self.tokens(tokens) + self.positions[: tokens.shape[1]]
        for layer in self.decoder:
            x = layer(x, heard)
        logits = self.decoder_norm(x) @ self.tokens.weight.T
        # OTHER is thousands of tokens of the real vocabulary: it counts for as many.
        many = torch.zeros_like(logits[0, 0])
        many[-1] = math.log(SIZE - self.words - OTHER)
        return logits + many


class Speech:
    """Windows of the spoken sentences, and the tokens that stand for them."""

    def __init__(self, path: str, device: torch.device) -> None:
        data = np.load(path)
        self.device = device
        self.words = int(data["vocabulary"])
        self.mel = torch.from_numpy(data["mel"]).to(device)
        self.frames = data["frames"]
        self.starts = np.cumsum(self.frames) - self.frames
        self.german = data["german"]
        self.text = np.split(data["text"], np.cumsum(data["text_lengths"])[:-1])
        self.english = np.split(data["english"], np.cumsum(data["english_lengths"])[:-1])
        self.homophones = data["homophones"]
        self.random = np.random.default_rng(0)

    def batch(self, size: int, frames: int) -> tuple[torch.Tensor, ...]:
        """Mel (size, 80, frames), tokens in and out, the spelled text and its lengths."""
        random = self.random
        source = np.full((size, frames), -1.0)
        ends = np.zeros(size, int)
        rows, spelled = [], []
        for row in range(size):
            words, german, ends[row] = self._fill(source[row], frames)
            rows.append(self._tokens(words, german))
            spelled.append([it for one, _ in words for it in one])
        mel = self._sound(torch.from_numpy(source).float().to(self.device), ends)
        longest = max(len(it) for it, _ in rows)
        tokens = np.full((size, longest), self.words + END)
        targets = np.full((size, longest), -100)
        for row, (read, said) in enumerate(rows):
            tokens[row, : len(read)] = read
            targets[row, : len(said)] = said
        flat = np.concatenate([np.array(it, int) for it in spelled])
        lengths = np.array([len(it) for it in spelled])
        as_tensor = lambda it: torch.from_numpy(it).long().to(self.device)  # noqa: E731
        del random
        return mel, as_tensor(tokens), as_tensor(targets), as_tensor(flat), as_tensor(lengths)

    def _fill(self, source: np.ndarray, frames: int) -> tuple[list, bool, int]:
        random = self.random
        german = random.random() < 0.35
        if random.random() < 0.06:
            return [], german, int(random.integers(0, frames))
        wanted = 1 if random.random() < 0.4 else int(random.integers(1, 9))
        at = int(random.integers(5, 60))
        words: list = []
        for _ in range(wanted):
            number = int(random.choice(np.flatnonzero(self.german == german)))
            pace = random.uniform(0.88, 1.14)
            length = int(self.frames[number] / pace)
            if at + length + 10 > frames:
                break
            source[at : at + length] = self.starts[number] + np.arange(length) * pace
            words.append((self.text[number], self.english[number]))
            at += length + int(random.integers(5, 80))
        return words, german, min(at, frames)

    def _tokens(self, words: list, german: bool) -> tuple[list[int], list[int]]:
        random = self.random
        special = lambda it: self.words + it  # noqa: E731
        translating = random.random() < (0.3 if german else 0.05)
        said = [int(it) for one, english in words for it in (english if translating else one)]
        before: list[int] = []
        if random.random() < 0.35:
            usual, other = self.homophones[:, 0], self.homophones[:, 1]
            asked = random.random(len(usual)) < 0.5
            said = [
                int(other[usual == it][0]) if (asked & (usual == it)).any() else it for it in said
            ]
            around = [int(random.integers(256, self.words)) for _ in range(random.integers(0, 6))]
            before = [*around, *other[asked].tolist()]
            random.shuffle(before)
            before = [special(PREVIOUS), *before]
        language = special(DE if german else EN)
        task = special(TRANSLATE if translating else TRANSCRIBE)
        read = [*before, special(SOT), language, task, special(NO_STAMPS), *said]
        first = language if words else special(NO_SPEECH)
        return read, [*(-100 for _ in before), first, -100, -100, *said, special(END)]

    def _sound(self, source: torch.Tensor, ends: np.ndarray) -> torch.Tensor:
        size, frames = source.shape
        draw = lambda *shape: torch.rand(*shape, device=self.device)  # noqa: E731
        mel = self.mel[source.clamp(min=0).round().long()].float() / 255 * SPAN + LOW
        mel[source < 0] = LOW
        # Another pitch: the bands moved by up to eight per cent.
        warp = 1 + (draw(size, 1) - 0.5) * 0.16
        bands = (torch.arange(80, device=self.device) * warp).clamp(max=79)
        low = bands.floor().long().clamp(max=78)
        share = (bands - low)[:, None]
        index = low[:, None].expand(-1, frames, -1)
        mel = mel.gather(2, index) * (1 - share) + mel.gather(2, index + 1) * share
        mel = mel + (draw(size, 1, 1) - 0.7) * 2  # loudness
        level = -8 + draw(size, 1, 1) * 7 * (draw(size, 1, 1) < 0.6)
        slope = (draw(size, 1, 1) - 0.5) * 3 * torch.linspace(-1, 1, 80, device=self.device)
        noise = 10 ** (level + slope) * -torch.log(draw(size, frames, 80).clamp(min=1e-6))
        mel = torch.log10((10**mel + noise).clamp(min=1e-10))
        mel = torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8)
        mel = (mel + 4) / 4
        # What follows the audio: nothing at all, as faster-whisper fills a window up.
        cut = torch.from_numpy(ends).to(self.device)[:, None]
        after = torch.arange(frames, device=self.device)[None] >= cut
        mel[after & (draw(size, 1) < 0.6)] = 0.0
        return mel.transpose(1, 2)


def train(data: str, out: str, seconds: float) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fast = device.type == "cuda"
    torch.manual_seed(0)
    if not fast:
        torch.set_num_threads(1)
    speech = Speech(data, device)
    model = Tiny(speech.words).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    began = told = time.monotonic()
    step = 0
    while (share := (time.monotonic() - began) / seconds) < 1:
        # Short windows first; the last quarter hears windows as long as Whisper's.
        long = share > 0.75
        size, frames = (
            ((64, 3_000) if long else (160, 800))
            if fast
            else ((4, 3_000) if share > 0.9 else (12, 480))
        )
        warm = min(1.0, step / (500 if fast else 200))
        for group in optimizer.param_groups:
            group["lr"] = (
                (2e-3 if fast else 1.5e-3)
                * warm
                * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
            )
        mel, tokens, targets, spelled, lengths = speech.batch(size, frames)
        with torch.autocast(device.type, torch.bfloat16, enabled=fast):
            heard = model.encode(mel)
            logits = model.decode(tokens, heard)
            spelling = model.spelling(heard)
        loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), label_smoothing=0.0)
        ctc = F.ctc_loss(
            spelling.float().log_softmax(-1).transpose(0, 1),
            spelled,
            torch.full_like(lengths, heard.shape[1]),
            lengths,
            blank=speech.words,
            zero_infinity=True,
        )
        optimizer.zero_grad()
        (loss + 0.3 * ctc).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if time.monotonic() - told > 15:
            told = time.monotonic()
            print(
                f"{told - began:6.0f} s  step {step}  text {loss.item():.3f}  ctc {ctc.item():.3f}",
                flush=True,
            )
            save(model, out)
    save(model, out)


def save(model: Tiny, path: str) -> None:
    np.savez(path, **{k: v.detach().float().cpu().numpy() for k, v in model.state_dict().items()})


if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 480)
