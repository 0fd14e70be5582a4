"""Documents read one after the other: those that are what was expected, and a count of those that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from detector.errors import InputError

T = TypeVar("T")


class Parsed(Generic[T]):
    """``parse`` reads a document, and raises InputError for one that is none; ``what`` it then is not, in words."""

    def __init__(self, parse: Callable[[bytes], T], what: str, blank: Callable[[bytes], bool] = bytes.isspace) -> None:
        self._parse = parse
        self._what = what
        self._blank = blank
        self.unfit = 0
        self.read = 0
        """Documents so far, but for deletions of a compacted topic and those that are ``blank``."""
        self.passed_over = 0
        """How many were one of these."""
        self.why = ""
        """Why the first one that is none is none."""

    def of(self, documents: Iterable[bytes | None]) -> Iterator[tuple[T, bytes]]:
        """Those that could be read, each with its bytes."""
        for document in documents:
            if (found := self.one(document)) is not None and document is not None:
                yield found, document

    def one(self, document: bytes | None) -> T | None:
        """This one; None where it could not be read, or is none at all."""
        if not document or self._blank(document):
            self.passed_over += 1
            return None
        self.read += 1
        try:
            return self._parse(document)
        except InputError as error:
            self.unfit += 1
            self.why = self.why or str(error)
            return None

    @property
    def none_fits(self) -> bool:
        """Whether there were documents, and not one could be read."""
        return bool(self.read) and self.unfit == self.read

    @property
    def note(self) -> str:
        """What a person should know; empty where all could be read."""
        return f"{self.unfit:,} of {self.read:,} documents are no {self._what}: {self.why}" if self.unfit else ""
