"""Client ids of the measurements: always new, of a given length and alphabet, and unlike any bot's."""

import string
import uuid
from collections.abc import Callable

OURS = string.ascii_letters + string.digits
FIRST = "c"  # first character of each id if the alphabet has it; a bot's ids begin with g


class ProbeIds:
    """Generates ids from numbers of 128 bits, by default those of new UUIDs."""

    def __init__(self, numbers: Callable[[], int] = lambda: uuid.uuid4().int) -> None:
        self._numbers = numbers

    def spell(self, length: int, alphabet: str = OURS) -> str:
        """Returns an id of this length with characters of this alphabet."""
        number = 0
        for _ in range(length // 16 + 1):  # 16 of 62 characters need less than one number
            number = (number << 128) | self._numbers()
        letters: list[str] = []
        while len(letters) < length:
            number, place = divmod(number, len(alphabet))
            letters.append(alphabet[place])
        if FIRST in alphabet and length > 1:
            letters[0] = FIRST
        return "".join(letters)

    def holding(self, character: str, length: int) -> str:
        """Returns an id with this character in its middle."""
        text = self.spell(length)
        return text[: length // 2] + character + text[length // 2 + 1 :]
