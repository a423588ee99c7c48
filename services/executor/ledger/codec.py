"""JSON encoding of core values for the ledger: text values and sorted keys, so that equal values give equal texts."""

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, assert_never

from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, Outcome, PlaceOrder
from gridcore.model.money import canonical
from gridcore.model.orders import OrderStatus, OrderType, Role, Side


def write_action(action: Action) -> str:
    """Returns the action as one line of JSON."""
    match action:
        case PlaceOrder():
            return _json(
                {
                    "kind": "place",
                    "client_order_id": action.client_order_id,
                    "side": action.side.value,
                    "role": action.role.value,
                    "type": action.type.value,
                    "price": canonical(action.price),
                    "quantity": canonical(action.quantity),
                    "not_after_ms": action.not_after_ms,
                    "slot": action.slot,
                }
            )
        case CancelOrder():
            return _json(
                {
                    "kind": "cancel",
                    "client_order_id": action.client_order_id,
                    "exchange_order_id": action.exchange_order_id,
                    "slot": action.slot,
                }
            )
        case _:
            assert_never(action)


def read_action(text: str) -> Action:
    """Returns the action that `write_action` wrote."""
    values: dict[str, Any] = json.loads(text)
    if values["kind"] == "cancel":
        return CancelOrder(values["client_order_id"], values["exchange_order_id"], values["slot"])
    return PlaceOrder(
        client_order_id=values["client_order_id"],
        side=Side(values["side"]),
        role=Role(values["role"]),
        type=OrderType(values["type"]),
        price=Decimal(values["price"]),
        quantity=Decimal(values["quantity"]),
        not_after_ms=values["not_after_ms"],
        slot=values["slot"],
    )


def write_result(result: ActionResult) -> str:
    """Returns the result as one line of JSON."""
    return _json(
        {
            "index": result.index,
            "client_order_id": result.client_order_id,
            "outcome": result.outcome.value,
            "exchange_order_id": result.exchange_order_id,
            "reason": result.reason,
            "message": result.message,
            "recorded_time_ms": result.recorded_time_ms,
        }
    )


def read_result(text: str) -> ActionResult:
    """Returns the result that `write_result` wrote."""
    values: dict[str, Any] = json.loads(text)
    values["outcome"] = Outcome(values["outcome"])
    return ActionResult(**values)


def write_news(news: Fill | OrderStatus) -> str:
    """Returns a fill or a status as one line of JSON."""
    match news:
        case Fill():
            return _json(
                {
                    "trade_id": news.trade_id,
                    "price": canonical(news.price),
                    "quantity": canonical(news.quantity),
                    "fee": canonical(news.fee),
                    "fee_asset": news.fee_asset,
                    "maker": news.maker,
                }
            )
        case OrderStatus():
            return _json({"status": news.value})
        case _:
            assert_never(news)


def read_news(text: str) -> Fill | OrderStatus:
    """Returns the fill or status that `write_news` wrote."""
    values: dict[str, Any] = json.loads(text)
    if "status" in values:
        return OrderStatus(values["status"])
    return Fill(
        trade_id=values["trade_id"],
        price=Decimal(values["price"]),
        quantity=Decimal(values["quantity"]),
        fee=Decimal(values["fee"]),
        fee_asset=values["fee_asset"],
        maker=values["maker"],
    )


def digest(symbol: str, actions: Sequence[Action]) -> str:
    """Hashes symbol and actions. The epoch is left out: a takeover repeats a request under its own epoch."""
    text = "\n".join([symbol, *(write_action(action) for action in actions)])
    return hashlib.sha256(text.encode()).hexdigest()


def difference(stored: Sequence[Action], sent: Sequence[Action]) -> str:
    """Describes where two lists of actions first differ."""
    if len(stored) != len(sent):
        return f"it had {len(stored)} actions, this has {len(sent)}"
    for number, (old, new) in enumerate(zip(stored, sent, strict=True)):
        before, after = json.loads(write_action(old)), json.loads(write_action(new))
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                return f"actions[{number}].{key} was {before.get(key)!r}, is {after.get(key)!r}"
    return "its symbol is another"


def _json(values: dict[str, object]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
