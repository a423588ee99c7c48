"""A venue's silences are shared by all processes of one machine, and survive the process that wrote them."""

from pathlib import Path

import pytest

from gridservice.silence import LONGEST_MS, SharedSilence, address_of, host_of, silence_in

VENUE, NOW_MS = "https://api.binance.com/api/v3", 1_700_000_000_000


def shared(folder: Path, writer: str = "executor", venue: str = VENUE) -> SharedSilence:
    return SharedSilence(venue, writer, folder)


def test_a_silence_wanted_of_one_process_is_kept_by_the_others(tmp_path: Path) -> None:
    pricemon, executor = shared(tmp_path, "pricemon"), shared(tmp_path)
    assert executor.read(NOW_MS) == ("RATE_LIMITED", 0)
    pricemon.extend("BANNED", NOW_MS + 120_000, NOW_MS)
    assert executor.read(NOW_MS) == ("BANNED", NOW_MS + 120_000)
    assert shared(tmp_path, "later").read(NOW_MS) == ("BANNED", NOW_MS + 120_000)


def test_of_two_silences_the_later_end_counts(tmp_path: Path) -> None:
    one, other = shared(tmp_path), shared(tmp_path)
    one.extend("BANNED", NOW_MS + 60_000, NOW_MS)
    other.extend("RATE_LIMITED", NOW_MS + 5_000, NOW_MS)
    assert one.read(NOW_MS) == other.read(NOW_MS) == ("BANNED", NOW_MS + 60_000)
    other.extend("RATE_LIMITED", NOW_MS + 90_000, NOW_MS)
    assert one.read(NOW_MS) == ("RATE_LIMITED", NOW_MS + 90_000)


def test_another_venue_and_another_port_have_silences_of_their_own(tmp_path: Path) -> None:
    shared(tmp_path, venue="http://127.0.0.1:8080").extend("BANNED", NOW_MS + 1_000, NOW_MS)
    assert shared(tmp_path).read(NOW_MS)[1] == 0
    assert shared(tmp_path, venue="http://127.0.0.1:8081").read(NOW_MS)[1] == 0
    assert shared(tmp_path, venue="http://localhost:8080/api").read(NOW_MS)[1] == NOW_MS + 1_000


@pytest.mark.parametrize(
    "content", ["", "soon BANNED executor", "12", f"{NOW_MS + 2 * LONGEST_MS} BANNED x", "5 OTHER x"]
)
def test_a_file_that_says_nothing_sound_is_no_silence(tmp_path: Path, content: str) -> None:
    path = tmp_path / f"{host_of(VENUE)}.silence"
    path.write_text(content, encoding="utf-8")
    assert shared(tmp_path).read(NOW_MS)[1] == 0
    shared(tmp_path).extend("RATE_LIMITED", NOW_MS + 1_000, NOW_MS)
    assert shared(tmp_path).read(NOW_MS) == ("RATE_LIMITED", NOW_MS + 1_000)


def test_a_folder_that_cannot_be_used_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    silence = shared(tmp_path / "file" / "folder")
    silence.extend("BANNED", NOW_MS + 1_000, NOW_MS)
    assert silence.read(NOW_MS)[1] == 0


@pytest.mark.parametrize(
    ("code", "headers", "body", "expected"),
    [
        (200, {}, "", None),
        (429, {"Retry-After": "7"}, '{"code":-1003}', ("RATE_LIMITED", NOW_MS + 7_000)),
        (429, {}, '{"code":-1003}', ("RATE_LIMITED", NOW_MS + 5_000)),
        (418, {}, f"IP banned until {NOW_MS + 60_000}.", ("BANNED", NOW_MS + 60_000)),
        (418, {"retry-after": "90"}, f"IP banned until {NOW_MS + 60_000}.", ("BANNED", NOW_MS + 90_000)),
        (429, {"Retry-After": "7"}, '{"code":-1015,"msg":"Too many new orders"}', None),
    ],
)
def test_what_a_reply_says_of_silence(
    code: int, headers: dict[str, str], body: str, expected: tuple[str, int] | None
) -> None:
    assert silence_in(code, headers, body, NOW_MS) == expected


def test_the_end_of_a_ban_is_by_the_venues_clock() -> None:
    assert silence_in(418, {}, f"until {NOW_MS + 60_000}", NOW_MS, ahead_ms=50_000) == ("BANNED", NOW_MS + 10_000)


def test_the_address_of_a_client_is_that_of_its_public_requests() -> None:
    assert address_of({"sapi": "https://x", "public": {"rest": "https://api.binance.com/api/v3"}}) == VENUE
    assert address_of({}) == ""
