"""The model's own chat template, cut where the context and the question go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import ModelError

if TYPE_CHECKING:
    from .model import Model, Vocabulary

_SYSTEM, _CONTENT = "\u2042system\u2042", "\u2042content\u2042"  # asterisms: in no template


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before the context, and what follows each question, as tokens."""

    head: list[int]
    tail: list[int]


def shape(model: Model, system: str) -> Prompt:
    """Render the template around nothing. People's text never passes through it.

    Control tokens are read in the template's own text only, so that nothing that is said in a
    meeting can end a turn. A model without a template gets plain text.
    """
    vocabulary = model.vocabulary
    if model.chat_template is None:
        before, after = (_SYSTEM + "\n\n" if system else ""), ""
    else:
        before, after = _render(model.chat_template, vocabulary, bool(system))
    if vocabulary.adds_bos:
        before = before.removeprefix(vocabulary.bos_text)
    head: list[int] = [vocabulary.bos] if vocabulary.adds_bos and vocabulary.bos is not None else []
    first, placed, rest = before.partition(_SYSTEM)
    head += vocabulary.tokenize(first, special=True)
    if placed:
        head += vocabulary.tokenize(system)
        head += vocabulary.tokenize(rest, special=True)
    return Prompt(head, vocabulary.tokenize(after, special=True))


def _render(template: str, vocabulary: Vocabulary, with_system: bool) -> tuple[str, str]:
    # jinja2 comes with llama-cpp-python, and so does the sandbox that templates are run in.
    import jinja2
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    def render(messages: Any) -> str:
        formatter = Jinja2ChatFormatter(template, vocabulary.eos_text, vocabulary.bos_text)
        return str(formatter(messages=messages, enable_thinking=False).prompt)

    user = {"role": "user", "content": _CONTENT}
    try:
        if with_system:
            try:
                text = render([{"role": "system", "content": _SYSTEM}, user])
            except (ValueError, jinja2.TemplateError):
                text = ""  # it refuses the role
            if text.count(_SYSTEM) != 1:
                text = render([{"role": "user", "content": f"{_SYSTEM}\n\n{_CONTENT}"}])
        else:
            text = render([user])
    except (ValueError, TypeError, jinja2.TemplateError) as error:
        raise ModelError(f"the model's chat template cannot be used: {error}") from error
    if text.count(_CONTENT) != 1 or text.count(_SYSTEM) != int(with_system):
        raise ModelError("the model's chat template does not show what the user says once")
    before, _, after = text.partition(_CONTENT)
    return before, after
