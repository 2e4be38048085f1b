"""The macros of a llama-swap file, replaced in a command so that every word keeps its place.

llama-swap replaces text before it splits; here a command is split first, and a macro that is a
whole word is split where it is defined, so that `${args}` leads to the line of `args`. A variable
`${env.X}` that is not known stays as it is: the service may have it. In: macros as items. Out:
`Word`s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.document import Item
from seatrial.serve.lint.readers.words import Word, plain_words

MACRO = re.compile(r"\$\{([A-Za-z0-9_-]+)\}")
ENV = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")
_MAX_WORDS = 4_000
"""Of one command: the largest real one has about a hundred."""
_MAX_CHARS = 200_000


class Macro(msgspec.Struct, frozen=True):
    """One macro; `place` in the order of declaration says which others it may use."""

    name: str
    item: Item
    place: int


def declared(shared: Item | None, own: Item | None) -> dict[str, Macro]:
    """The macros of one model: its own take the place of shared ones of the same name."""
    found: dict[str, Macro] = {}
    for group in (shared, own):
        for name, item in group.fields().items() if group is not None else ():
            before = found.get(name)
            place = before.place if before is not None else len(found)
            found[name] = Macro(name, item, place)
    return found


class Expander:
    """Replaces macros in the values of one model."""

    def __init__(
        self,
        macros: Mapping[str, Macro],
        fixed: Mapping[str, str],
        env: Mapping[str, str],
        where: str,
        source: str,
    ) -> None:
        self._macros = macros
        self._fixed = fixed
        self._env = env
        self._where = where
        self._source = source
        self._words_left = _MAX_WORDS
        self._chars_left = _MAX_CHARS

    def words(self, item: Item) -> list[Word]:
        """The words of a command.

        Raises:
            UserError: a macro that nobody declared, that comes too late, or that holds itself.
        """
        return self._split(item, ())

    def text(self, text: str, stack: tuple[str, ...] = ()) -> str:
        """`text` with everything replaced."""
        if "${" not in text:
            return text
        text = ENV.sub(lambda match: self._env.get(match[1], match[0]), text)
        text = MACRO.sub(lambda match: self._replacement(match[1], stack), text)
        self._chars_left -= len(text)
        if self._chars_left < 0:
            raise self._too_much()
        return text

    def _split(self, item: Item, stack: tuple[str, ...]) -> list[Word]:
        found: list[Word] = []
        for word in _words(item, self._source):
            found += self._word(word, stack)
            if len(found) > _MAX_WORDS:
                raise self._too_much()
        return found

    def _word(self, word: Word, stack: tuple[str, ...]) -> list[Word]:
        self._words_left -= 1
        if self._words_left < 0:
            raise self._too_much()
        if "${" not in word.raw:
            return [word]
        whole = MACRO.fullmatch(word.raw)
        if whole is not None and whole[1] not in self._fixed:
            macro = self._macro(whole[1], stack)
            inner = self._split(macro.item, (*stack, macro.name))
            if len(inner) != 1 or inner[0].text.startswith("-"):
                return inner
        if word.raw == word.text:  # not quoted: blanks in what comes in part words
            texts = [one.text for one in plain_words(self.text(word.text, stack), word.line)]
        else:
            texts = [self.text(word.text, stack)]
        return [Word(text, word.raw, word.line, word.gap) for text in texts]

    def _replacement(self, name: str, stack: tuple[str, ...]) -> str:
        if name in self._fixed:
            return self._fixed[name]
        macro = self._macro(name, stack)
        return self.text(macro.item.text, (*stack, name))

    def _macro(self, name: str, stack: tuple[str, ...]) -> Macro:
        if name in stack:
            circle = " -> ".join([*stack[stack.index(name) :], name])
            raise UserError(
                f"{self._where}: the macro {name} holds itself: {circle}",
                hint="llama-swap does not start with it; write one of them out",
            )
        macro = self._macros.get(name)
        if macro is None:
            known = ", ".join(self._macros) or "there are none"
            raise UserError(
                f"{self._where}: the macro ${{{name}}} is not declared",
                hint=f"declared macros: {known[:200]}",
            )
        user = self._macros[stack[-1]] if stack else None
        if user is not None and user.place <= macro.place:
            self._circle(macro, stack)
            raise UserError(
                f"{self._where}: the macro {user.name} uses ${{{name}}}, which is declared "
                "after it",
                hint=f"llama-swap does not start with it; move {name} above {user.name}",
            )
        return macro

    def _circle(self, macro: Macro, stack: tuple[str, ...]) -> None:
        """Say that a macro holds itself rather than that it comes too late."""
        path, seen = [*stack, macro.name], set(stack)
        waiting = [path]
        while waiting:
            path = waiting.pop()
            here = self._macros.get(path[-1])
            for name in MACRO.findall(here.item.text) if here is not None else ():
                if name in stack:
                    circle = " -> ".join([*path[path.index(name) :], name])
                    raise UserError(
                        f"{self._where}: the macro {name} holds itself: {circle}",
                        hint="llama-swap does not start with it; write one of them out",
                    )
                if name not in seen:
                    seen.add(name)
                    waiting.append([*path, name])

    def _too_much(self) -> UserError:
        return UserError(
            f"{self._where}: its macros unfold into more than {_MAX_WORDS:,} words",
            hint="macros that hold macros multiply; write them out",
        )


def _words(item: Item, source: str) -> Sequence[Word]:
    if not item.lines:
        return plain_words(item.text, item.line, source)
    text = "\n".join(line for _, line in item.lines)
    return plain_words(text, item.lines[0][0], source)
