"""What a conversation says about itself: a person's words, changed files, checks, summaries.

Pure reading of messages, the same for every client; rules decide what to do about it.
"""

from seatrial.guard.conversation.files import Change, changed_files, command_of, unchecked_changes
from seatrial.guard.conversation.people import first_words, last_words_at, own_words
from seatrial.guard.conversation.summaries import Compaction, read_compaction

__all__ = [
    "Change",
    "Compaction",
    "changed_files",
    "command_of",
    "first_words",
    "last_words_at",
    "own_words",
    "read_compaction",
    "unchecked_changes",
]
