"""Questions about meetings, answered with the places that say so, or with "not said".

passages.py    the lines that match a question: of one meeting, or of all
answers.py     what an answer is made of
chat.py        a conversation: a model's own words, checked, or the passages themselves
"""

from .answers import Cited, NotSaid, Words
from .chat import Chat
from .passages import Passage, of_meeting, of_meetings

__all__ = ["Chat", "Cited", "NotSaid", "Passage", "Words", "of_meeting", "of_meetings"]
