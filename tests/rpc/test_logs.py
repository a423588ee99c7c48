"""What the shared log format guarantees: one line per event, UTC, and no credential in it."""

import logging

import pytest

from gridservice.logs import LineFormatter, announce_listening, without_secrets


def record(message: str, *arguments: object, failure: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(failure), failure, failure.__traceback__) if failure else None
    made = logging.LogRecord("grid", logging.WARNING, __file__, 1, message, arguments, exc_info)
    made.created = 1_700_000_000.25
    return made


def test_a_line_has_the_time_in_utc_the_level_the_service_and_the_message() -> None:
    line = LineFormatter("pricemon").format(record("feed lost: %s", "reset"))

    assert line == "2023-11-14T22:13:20.250Z WARNING pricemon feed lost: reset"


def test_a_traceback_stays_on_the_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError as failure:
        line = LineFormatter("pricemon").format(record("broken", failure=failure))

    assert "\n" not in line
    assert line.endswith("ValueError: first | second")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /order?symbol=X&signature=ab12&x=1", "GET /order?symbol=X&signature=***&x=1"),
        ("apiKey=k1 api_key: 'k2', secret=\"s\"", "apiKey=*** api_key: '***', secret=\"***\""),
        ("{'X-MBX-APIKEY': 'k3'}", "{'X-MBX-APIKEY': '***'}"),
        ("?listenKey=lk", "?listenKey=***"),
        ("postgresql://grid:pw@host/db", "postgresql://grid:***@host/db"),
        ("symbol BTC/USDT at http://127.0.0.1:80/x", "symbol BTC/USDT at http://127.0.0.1:80/x"),
    ],
)
def test_credentials_are_struck_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_listening_is_announced_in_one_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    announce_listening("pricemon", 50051)

    assert capsys.readouterr().out == "pricemon listening 127.0.0.1:50051\n"
