"""One llama.cpp context: sequences of tokens, computed in batches, forked, aborted."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np

from ...errors import Cancelled, EngineError
from .cores import Cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Model
    from .native import NativeLog
    from .settings import LlamaSettings

_KV_TYPES = {"f16": llama_cpp.GGML_TYPE_F16, "q8_0": llama_cpp.GGML_TYPE_Q8_0}
_BYTES = ctypes.POINTER(ctypes.c_uint8)
_ABORTED = 2
_NO_ROOM = 1


State = np.ndarray[Any, np.dtype[np.uint8]]


def context_params(settings: LlamaSettings, *, on_gpu: bool, windowed: bool) -> Any:
    """What a context is made with; ``memory.required`` counts on it."""
    flash = settings.flash_attention(on_gpu=on_gpu, windowed=windowed)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = settings.n_ctx
    params.n_batch = params.n_ubatch = settings.batch(flash=flash)
    params.n_seq_max = 1 + settings.n_forks
    params.n_outputs_max = 1 + settings.n_forks  # the default keeps logits for a whole batch
    params.n_threads = params.n_threads_batch = settings.n_threads
    params.flash_attn_type = (
        llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO if flash else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    params.type_k = params.type_v = _KV_TYPES[settings.kv_type]
    params.swa_full = False
    params.kv_unified = True
    params.no_perf = True
    return params


class Context:
    """Sequence 0 and ``n_forks`` more. Close it before its model."""

    def __init__(self, model: Model, settings: LlamaSettings, log: NativeLog) -> None:
        self._model = model
        self._log = log
        self._window: int = llama_cpp.llama_model_n_swa(model.pointer)
        params = context_params(settings, on_gpu=model.on_gpu, windowed=self._window > 0)
        self.n_batch: int = params.n_batch
        self.n_forks = settings.n_forks
        log.clear()
        self.pointer = llama_cpp.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise EngineError(
                f"a context of {settings.n_ctx} tokens with a cache of {settings.kv_type} cannot "
                f"be made ({log.cause()}); choose a smaller model or context, or another cache"
            )
        self.n_ctx: int = llama_cpp.llama_n_ctx(self.pointer)
        self._memory = llama_cpp.llama_get_memory(self.pointer)
        cells = self._window * params.n_seq_max + params.n_ubatch
        self._window_cells = -(-min(self.n_ctx, cells) // 256) * 256  # as llama.cpp rounds it
        self._batch = _Batch(self.n_batch)
        self._cores = Cores(settings.n_threads)
        self._threads = settings.n_threads
        self.dirty = False
        """Whether a batch was left half-way: a recurrent model's state is then in pieces"""
        self._stop = ctypes.create_string_buffer(2)
        llama_cpp.llama_set_abort_callback(
            self.pointer, _STRLEN, ctypes.cast(self._stop, ctypes.c_void_p)
        )
        if model.adapter is not None:
            adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(model.adapter)
            if llama_cpp.llama_set_adapters_lora(
                self.pointer, adapters, 1, (ctypes.c_float * 1)(1.0)
            ):
                self.close()
                raise EngineError(f"the adapter cannot be applied ({log.cause()})")

    def close(self) -> None:
        if self.pointer:
            llama_cpp.llama_free(self.pointer)
            self.pointer = None

    def stop(self) -> None:
        """Abort what is being computed, from another thread, until ``resume``."""
        self._stop[0] = b"\x01"

    def resume(self) -> None:
        self._stop[0] = b"\x00"

    def compute(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[int],
        outputs: Sequence[int] = (),
    ) -> None:
        """Compute at most ``n_batch`` tokens and keep the logits of those numbered in ``outputs``.

        Raises ``Cancelled`` when stopped: the sequences of the batch are then undefined, and so
        is every other one of a recurrent model.
        """
        self._check()
        if (threads := self._cores.threads()) != self._threads:
            llama_cpp.llama_set_n_threads(self.pointer, threads, threads)
            self._threads = threads
        self._batch.fill(tokens, positions, sequences, outputs)
        self._log.clear()
        code = llama_cpp.llama_decode(self.pointer, self._batch.native)
        if code == _NO_ROOM:
            raise EngineError("the context has no room left for what was planned into it")
        self.dirty = code != 0
        if code == _ABORTED:
            raise Cancelled("stopped on request")
        if code != 0:
            raise EngineError(f"computing failed with code {code} ({self._log.cause()})")
        # A GPU may still be at work on it. The next batch waits for this one once it is prepared,
        # so that a cancel finds one batch under way at most.
        self._check()

    def extend(self, sequence: int, start: int, tokens: Sequence[int]) -> None:
        """Compute tokens of one sequence from position ``start`` on, batch after batch."""
        for i in range(0, len(tokens), self.n_batch):
            part = tokens[i : i + self.n_batch]
            first = start + i
            self.compute(part, range(first, first + len(part)), [sequence] * len(part))

    def wait(self) -> None:
        """Until all is computed: a GPU may still be at work."""
        llama_cpp.llama_synchronize(self.pointer)

    def logits(self, output: int) -> np.ndarray[Any, Any]:
        """Of the ``output``-th token of the last batch; valid until the next one."""
        pointer = llama_cpp.llama_get_logits_ith(self.pointer, output)
        return np.ctypeslib.as_array(pointer, (self._model.vocabulary.size,))

    def fork(self, source: int, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        llama_cpp.llama_memory_seq_cp(self._memory, source, sequence, -1, -1)

    def drop(self, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def cut(self, length: int) -> bool:
        """Drop the tail of sequence 0. ``False`` where what is left cannot be continued."""
        if not llama_cpp.llama_memory_seq_rm(self._memory, 0, length, -1):
            return False
        first = llama_cpp.llama_memory_seq_pos_min(self._memory, 0)
        return bool(0 <= first <= max(0, length - self._window))

    def trim(self, room: int) -> None:
        """Leave ``room`` cells to forks in the layers with a sliding window.

        There sequence 0 keeps what has left the window for as long as nothing else needs the cells.
        A fork would share them all, and a cell that is shared is not given to anything else.
        """
        if not self._window:
            return
        first = llama_cpp.llama_memory_seq_pos_min(self._memory, 0)
        last = llama_cpp.llama_memory_seq_pos_max(self._memory, 0)
        if self._window_cells - (last + 1 - first) < room:
            self.restore(self.state(partial=True), partial=True)

    def clear(self) -> None:
        llama_cpp.llama_memory_clear(self._memory, False)

    def state(self, *, partial: bool = False) -> State:
        """Of sequence 0, as bytes, to be put back by ``restore``.

        ``partial``: only what cannot be had by dropping later tokens, that is the recurrent layers
        of a hybrid model, or the window that the sliding layers of another still look at.
        """
        flags = llama_cpp.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY if partial else 0
        size = llama_cpp.llama_state_seq_get_size_ext(self.pointer, 0, flags)
        state = np.empty(size, np.uint8)
        written = llama_cpp.llama_state_seq_get_data_ext(
            self.pointer, state.ctypes.data_as(_BYTES), size, 0, flags
        )
        if written == 0:
            raise EngineError("the state of the context cannot be read")
        return state[:written]

    def restore(self, state: State, *, partial: bool = False) -> None:
        flags = llama_cpp.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY if partial else 0
        pointer = state.ctypes.data_as(_BYTES)
        if not llama_cpp.llama_state_seq_set_data_ext(self.pointer, pointer, len(state), 0, flags):
            raise EngineError("the state of the context cannot be put back")

    def _check(self) -> None:
        if self._stop[0] != b"\x00":
            raise Cancelled("stopped on request")


class _Batch:
    """Arrays that llama.cpp reads a batch from."""

    def __init__(self, size: int) -> None:
        self._token = np.zeros(size, np.int32)
        self._position = np.zeros(size, np.int32)
        self._count = np.ones(size, np.int32)
        self._sequence = np.zeros(size, np.int32)
        self._output = np.zeros(size, np.int8)
        address = self._sequence.ctypes.data
        self._pointers = np.arange(address, address + 4 * size, 4, dtype=np.uintp)
        int32 = ctypes.POINTER(ctypes.c_int32)
        self.native = llama_cpp.llama_batch(
            n_tokens=0,
            token=self._token.ctypes.data_as(int32),
            pos=self._position.ctypes.data_as(int32),
            n_seq_id=self._count.ctypes.data_as(int32),
            seq_id=self._pointers.ctypes.data_as(ctypes.POINTER(int32)),
            logits=self._output.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[int],
        outputs: Sequence[int],
    ) -> None:
        n = len(tokens)
        self._token[:n] = tokens
        self._position[:n] = positions
        self._sequence[:n] = sequences
        self._output[:n] = 0
        self._output[list(outputs)] = 1
        self.native.n_tokens = n


def _strlen() -> Any:
    # The length of a string is false for an empty one and true for another: what an abort callback
    # has to tell. It is called for every node of a graph, where Python would be in the way.
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    return ctypes.cast(library.strlen, llama_cpp.ggml_abort_callback)


_STRLEN = _strlen()
