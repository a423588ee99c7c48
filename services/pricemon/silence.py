"""Makes pricemon's requests respect the venue's silences, and shares new ones with other processes at this address."""

from typing import Any

from gridservice import clock
from gridservice.silence import SharedSilence, silence_in


class SilentError(Exception):
    """The venue demands silence; nothing was sent."""

    def __init__(self, kind: str, until_ms: int) -> None:
        super().__init__(f"the venue wants silence ({kind}) until Unix time {until_ms} ms: it is kept")


def keep_silences(client: Any, shared: SharedSilence) -> None:
    """Makes every request of this ccxt client check for a silence first, and record one that its reply demands."""
    fetch, parse = client.fetch2, client.handle_errors

    async def fetch2(*args: Any, **kwargs: Any) -> Any:
        check_silence(shared)
        return await fetch(*args, **kwargs)

    def handle_errors(
        code: int, reason: str, url: str, method: str, headers: Any, body: str, reply: Any, *rest: Any
    ) -> Any:
        now_ms = clock.now_ms()
        silence = silence_in(code, headers or {}, body or "", now_ms)
        if silence is not None:
            shared.extend(*silence, now_ms)
        return parse(code, reason, url, method, headers, body, reply, *rest)

    client.fetch2, client.handle_errors = fetch2, handle_errors


def check_silence(shared: SharedSilence) -> None:
    """Raises SilentError while the venue demands silence."""
    now_ms = clock.now_ms()
    kind, until_ms = shared.read(now_ms)
    if until_ms > now_ms:
        raise SilentError(kind, until_ms)
