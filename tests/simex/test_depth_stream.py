"""The order book over the streams: a client that follows Binance's procedure has the book that GET depth shows."""

import asyncio
from decimal import Decimal
from typing import Any

from gridtesting.live.simex import SimexHandle
from gridtesting.waiting import until

Local = dict[str, dict[str, str]]
DEADLINE = 10  # below the 20 s between pings, each of which would restart it


class LocalBook:
    """The procedure of web-socket-streams.md, "How to manage a local order book correctly", to the letter."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._buffered: list[dict[str, Any]] = []
        self.sides: Local = {}
        self.update_id = 0
        self.applied = 0

    async def first_event(self) -> int:
        """Steps 1 and 2: the `U` of the first event."""
        self._buffered.append(await self._socket.receive_json(timeout=DEADLINE))
        return int(self._buffered[0]["U"])

    def start(self, snapshot: dict[str, Any]) -> None:
        """Steps 5 to 7."""
        self.sides = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
        self.update_id = snapshot["lastUpdateId"]
        left = [event for event in self._buffered if event["u"] > self.update_id]
        assert not left or left[0]["U"] <= self.update_id <= left[0]["u"] or left[0]["U"] == self.update_id + 1
        for event in left:
            self._apply(event)

    async def follow(self, until_id: int) -> None:
        while self.update_id < until_id:
            self._apply(await self._socket.receive_json(timeout=DEADLINE))

    def _apply(self, event: dict[str, Any]) -> None:
        if event["u"] < self.update_id:
            return
        assert event["U"] <= self.update_id + 1, "events are missing"
        for side in ("b", "a"):
            for price, quantity in event[side]:
                if float(quantity):
                    self.sides[side][price] = quantity
                else:
                    self.sides[side].pop(price, None)
        self.update_id = event["u"]
        self.applied += 1


def sides(snapshot: dict[str, Any]) -> Local:
    return {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}


async def test_the_documented_procedure_gives_the_book_orders_of_ours_included(signed: Any, simex: SimexHandle) -> None:
    async with signed.http.ws_connect(f"{simex.http_url}/ws/btcusdt@depth@100ms") as socket:
        book = LocalBook(socket)
        await simex.advance(1)
        first = await book.first_event()
        await simex.advance(3)
        snapshot = (await signed.public("depth", symbol="BTCUSDT", limit=5000))[1]
        while snapshot["lastUpdateId"] < first:
            snapshot = (await signed.public("depth", symbol="BTCUSDT", limit=5000))[1]
        book.start(snapshot)
        for number in range(300):
            await simex.advance(1)
            if number % 5 == 0:
                await signed.place(price=str(59_000 - number), quantity="0.001")
            if number % 50 == 0:  # several events, and others who look in between
                await book.follow((await signed.public("depth", symbol="BTCUSDT"))[1]["lastUpdateId"])
        end = (await signed.public("depth", symbol="BTCUSDT", limit=5000))[1]
        await book.follow(end["lastUpdateId"])

    assert book.update_id == end["lastUpdateId"]
    assert book.sides == sides(end)
    assert "59000.00000000" in book.sides["b"]
    assert book.applied >= 6


async def test_a_few_levels_are_what_get_depth_shows_at_that_update(signed: Any, simex: SimexHandle) -> None:
    await simex.advance(1)
    async with signed.http.ws_connect(f"{simex.http_url}/ws/btcusdt@depth5@100ms") as socket:
        few = await socket.receive_json(timeout=DEADLINE)
    snapshot = (await signed.public("depth", symbol="BTCUSDT", limit=5))[1]

    assert few == snapshot


async def test_best_quotes_carry_the_books_update_id_and_come_only_when_they_change(
    signed: Any, simex: SimexHandle
) -> None:
    async with signed.http.ws_connect(f"{simex.http_url}/ws/btcusdt@bookTicker") as socket:
        await simex.inject("60500", "1")
        first = await socket.receive_json(timeout=DEADLINE)
        await signed.place(price="59000", quantity="0.001")  # far from the best
        depth = (await signed.public("depth", symbol="BTCUSDT", limit=5))[1]
        await simex.inject("60400", "1")
        second = await socket.receive_json(timeout=DEADLINE)

    assert first["b"] == "60500.00000000"
    assert first["u"] < depth["lastUpdateId"] < second["u"]
    assert second["b"] == "60400.00000000"


async def test_an_order_of_ours_at_the_best_price_is_published_at_once(signed: Any, simex: SimexHandle) -> None:
    async with signed.http.ws_connect(f"{simex.http_url}/ws/btcusdt@bookTicker") as socket:
        await simex.inject("60500", "1")
        quotes = await socket.receive_json(timeout=DEADLINE)
        await signed.place(price="60500", quantity="0.001")
        joined = await socket.receive_json(timeout=DEADLINE)

    assert joined["b"] == quotes["b"] == "60500.00000000"
    assert Decimal(joined["B"]) - Decimal(quotes["B"]) == Decimal("0.001")
    assert joined["u"] == quotes["u"] + 1


async def test_the_book_that_ccxt_pro_keeps_is_the_one_that_get_depth_shows(
    binance_pro: Any, simex: SimexHandle
) -> None:
    await binance_pro.load_markets()
    for _ in range(5):
        await simex.advance(20)
        watching = asyncio.ensure_future(binance_pro.watch_order_book("BTC/USDT"))
        while not watching.done():  # the updates until now may have come before it began to watch
            await simex.advance(1)
        kept = await watching
    shown = await binance_pro.fetch_order_book("BTC/USDT", 5000)
    await until(lambda: kept["nonce"] >= shown["nonce"], "the last update")  # ccxt goes on updating the book it gave

    assert kept["nonce"] == shown["nonce"]
    assert [list(level) for level in kept["bids"]] == shown["bids"]
    assert [list(level) for level in kept["asks"]] == shown["asks"]
