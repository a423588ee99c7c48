"""Constructed answers of an orchestrator that fill a screen: for tests of the view and the pictures in the docs."""

from decimal import Decimal

from gridcore.model.money import canonical
from gridctl.view.snapshot import FillLine, Snapshot
from griddeploy.process.supervisor import Incident, Killed, Phase, Returned, ServiceStatus
from gridwright.v1 import models_pb2 as models
from gridwright.v1 import orchestrator_pb2

SERVICES = ("simex", "pricemon", "executor", "orchestrator")
_START_MS = 1_741_046_401_000


def grid_answer(
    *, price: Decimal = Decimal("60013.4"), interval: Decimal = Decimal(60), slots_each_side: int = 5
) -> orchestrator_pb2.GetStateResponse:
    """A long BTC/USDT grid around the price: held slots above it with their sells, empty ones below with their buys."""
    lowest = price // interval * interval - interval * (slots_each_side - 1)
    levels = [lowest + interval * number for number in range(2 * slots_each_side)]
    state = models.State(
        slots={canonical(level): _slot(level, interval, held=level > price) for level in levels},
        last_price=canonical(price), last_update_time=_START_MS * 1_000_000, symbol="BTC/USDT",
        seq=128, epoch=3, event_offset=77, risk=models.RiskFlags(mode=models.MODE_RUNNING),
        totals=models.Totals(
            position="0.00832167", quote_flow="-499.1877", realised_pnl="12.4421",
            fees={"BTC": "0.00000832", "USDT": "1.24417"}, fills=68, rounds=31,
        ),
    )  # fmt: skip
    steps = [_step(seq) for seq in range(state.seq, state.seq - 12, -1)]
    return orchestrator_pb2.GetStateResponse(
        state=state, price=canonical(price), price_age_ms=140, executor_reachable=True, pricemon_reachable=True,
        unrealised_pnl="-1.2034", last_steps=steps, trading=True,
    )  # fmt: skip


def grid_picture(answer: orchestrator_pb2.GetStateResponse | None = None, *, killed: bool = False) -> Snapshot:
    """A snapshot of a run in full operation, optionally with kills and returns."""
    kills = 2 if killed else 0
    incidents: tuple[Incident, ...] = (
        Killed("executor", 8.2), Returned("executor", 9.4, 1.2), Killed("orchestrator", 13.9),
        Returned("orchestrator", 16.3, 2.4), Killed("pricemon", 18.8), Returned("pricemon", 19.7, 0.9),
    )  # fmt: skip
    return Snapshot(
        symbol="BTC/USDT", headline="23 of 60 s, seed 7", answer=answer or grid_answer(), connected=True,
        fills=[_fill(offset) for offset in range(60, 78)],
        services=[ServiceStatus(name, Phase.SERVING, 0 if name == "simex" else kills) for name in SERVICES],
        incidents=incidents if killed else (),
    )  # fmt: skip


def _slot(price: Decimal, interval: Decimal, *, held: bool) -> models.InventorySlot:
    order = models.SlotOrder(
        client_order_id="g1", exchange_order_id="7", status=models.ORDER_STATUS_OPEN, executed="0",
        role=models.ROLE_CLOSING if held else models.ROLE_OPENING,
        side=models.SIDE_SELL if held else models.SIDE_BUY,
        price=canonical(price + interval if held else price), quantity="0.00166",
    )  # fmt: skip
    return models.InventorySlot(
        price=canonical(price), opening_side=models.SIDE_BUY, closing_price=canonical(price + interval),
        status=models.SLOT_STATUS_LOCKED,
        position_status=models.POSITION_STATUS_FILLED if held else models.POSITION_STATUS_EMPTY,
        position="0.00166" if held else "0", order=order, round=4,
    )  # fmt: skip


def _fill(offset: int) -> FillLine:
    side = "buy" if offset % 2 else "sell"
    asset = "BTC" if offset % 2 else "USDT"
    return FillLine(offset, _START_MS + 700 * offset, side, "59940.12", "0.00166", "0.00001993", asset, maker=True)


def _step(seq: int) -> orchestrator_pb2.TradingStep:
    trigger = models.Trigger(price_change=models.PriceTrigger(price="60013.4"))
    if seq % 2:
        update = models.OrderUpdate(symbol="BTC/USDT", offset=seq // 2, fill=models.Fill(trade_id=str(seq), price="1"))
        trigger = models.Trigger(order_updates=models.OrderUpdatesTrigger(updates=[update]))
    times = {"decide": 412_000, "record": 3_120_000, "execute": 12_044_000, "commit": 2_230_000}
    return orchestrator_pb2.TradingStep(
        symbol="BTC/USDT", seq=seq,
        plan=models.Plan(seq=seq, trigger=trigger, actions=[models.Action()] * (1 + seq % 2)),
        phases=[orchestrator_pb2.Phase(name=name, duration_ns=time_ns) for name, time_ns in times.items()],
    )  # fmt: skip
