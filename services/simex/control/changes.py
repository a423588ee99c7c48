"""Changes to the exchange while clients run: rules, listing, commissions, keys, limits.

Each change is written to the book on disk before it takes effect, so a restart keeps it.
"""

import json
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from gridrpc.errors import FailedPrecondition, InvalidArgument, NotFound
from gridsim.fees import EVERY
from gridsim.rules import SymbolRules
from gridwright.v1 import simex_pb2
from simex.access.keys import Keys
from simex.access.limits import Limits
from simex.control.commission_messages import commission_from_proto
from simex.control.rules_messages import changed_rules, differences
from simex.exchange.venue import Venue

RULES, COMMISSION, KEYS, LIMITS = "rules", "commission", "keys", "limits"
_REFUSALS = frozenset({0, -2014, -2015})
_LIMIT_FIELDS = ("enabled", "request_weight", "raw_requests", "orders_10s", "orders_day", "ban_after")


class ExchangeChanges:
    """The current changes. Call `restore` before serving."""

    def __init__(self, venue: Venue, keys: Keys, limits: Limits) -> None:
        self._venue = venue
        self._keys = keys
        self._limits = limits
        self._configured = {symbol: listing.rules for symbol, listing in venue.listings.items()}

    def restore(self) -> None:
        """Applies the changes in the book on disk."""
        store = self._venue.store
        for symbol, value in store.changes(RULES):
            if symbol in self._configured:
                message = ParseDict(json.loads(value), simex_pb2.VenueRules())
                self._venue.change(changed_rules(self._configured[symbol], message))
        for name, value in store.changes(COMMISSION):
            account, _, symbol = name.partition(" ")
            commission = commission_from_proto(ParseDict(json.loads(value), simex_pb2.Commission()))
            self._venue.fees.set(account, symbol, commission)
        for key, value in store.changes(KEYS):
            refusal = json.loads(value)
            self._keys.refuse(key, refusal["code"], refusal["until_ms"])
        for _, value in store.changes(LIMITS):
            self._limit(ParseDict(json.loads(value), simex_pb2.VenueLimits()))

    def rules(self, symbol: str) -> SymbolRules:
        """The current rules. Raises NotFound."""
        self._check_symbol(symbol)
        return self._venue.listings[symbol].rules

    def set_rules(self, request: simex_pb2.SetMarketRulesRequest, now_ms: int) -> SymbolRules:
        """Changes a symbol's rules. If it is delisted and its orders are not to be kept, ends them."""
        configured = self._configured[self._check_symbol(request.symbol)]
        before = configured if request.reset else self.rules(request.symbol)
        then = changed_rules(before, request.rules)
        if not then.listed and not request.keep_orders:
            self._venue.expire_all(request.symbol, "delisted", now_ms)
        self._venue.store.put_change(RULES, request.symbol, json.dumps(differences(then, configured)))
        self._venue.change(then)
        return then

    def set_commission(self, request: simex_pb2.SetCommissionRequest) -> None:
        """Sets an account's commission in a symbol, or restores the configured one."""
        if request.account != EVERY and request.account not in self._venue.accounts:
            raise NotFound(f"account = {request.account!r}: this simex has {', '.join(self._venue.accounts)}")
        if request.symbol != EVERY:
            self._check_symbol(request.symbol)
        name = f"{request.account} {request.symbol}"
        if not request.HasField("commission"):
            self._venue.store.drop_change(COMMISSION, name)
            self._venue.fees.set(request.account, request.symbol, None)
            return
        commission = commission_from_proto(request.commission)
        self._venue.store.put_change(COMMISSION, name, _json(request.commission))
        self._venue.fees.set(request.account, request.symbol, commission)

    def set_keys(self, request: simex_pb2.SetKeysRequest, account: str) -> int:
        """Refuses keys of an account, or accepts them again; returns how many."""
        if request.code not in _REFUSALS:
            raise InvalidArgument(f"code = {request.code}: give -2014, -2015, or 0 to accept the keys again")
        owned = self._keys.of(account)
        keys = [request.key] if request.key else owned
        if not set(keys) <= set(owned):
            raise NotFound(f"key: account {account} has no such key; leave it out to mean all of its {len(owned)}")
        for key in keys:
            value = json.dumps({"code": request.code, "until_ms": request.until_ms})
            self._venue.store.put_change(KEYS, key, value)
            self._keys.refuse(key, request.code, request.until_ms)
        return len(keys)

    def set_limits(self, request: simex_pb2.VenueLimits) -> simex_pb2.VenueLimits:
        """Changes limits; returns all current limits."""
        for name in _LIMIT_FIELDS[1:-1]:
            if name in _given(request) and not getattr(request, name):
                raise InvalidArgument(f"{name} = 0: give at least 1, or enabled = false to refuse nothing")
        now = self.limits
        now.MergeFrom(request)
        self._venue.store.put_change(LIMITS, "", _json(now))
        self._limit(now)
        return self.limits

    @property
    def limits(self) -> simex_pb2.VenueLimits:
        """The current limits."""
        settings = self._limits.settings
        told = {name: getattr(settings, name) for name in _LIMIT_FIELDS}
        return simex_pb2.VenueLimits(**told, max_open_orders=self._venue.most_open)

    def _limit(self, message: simex_pb2.VenueLimits) -> None:
        told: dict[str, Any] = {name: getattr(message, name) for name in _LIMIT_FIELDS if name in _given(message)}
        self._limits.change(replace(self._limits.settings, **told))
        if message.HasField("max_open_orders"):
            self._venue.limit_open_orders(message.max_open_orders)

    def _check_symbol(self, symbol: str) -> str:
        if symbol not in self._configured:
            raise NotFound(f"symbol = {symbol!r}: this simex trades {', '.join(self._configured)}")
        return symbol


def check_trading(rules: SymbolRules) -> None:
    """Raises FailedPrecondition for a symbol that is not trading."""
    if not rules.trades:
        state = rules.status.value if rules.listed else "delisted"
        remedy = "SetMarketRules with status TRADING and listed true lets it trade again"
        raise FailedPrecondition(f"symbol = {rules.symbol!r}: it is {state}, its market does not move; {remedy}")


def _given(message: simex_pb2.VenueLimits) -> set[str]:
    return {field.name for field, _ in message.ListFields()}


def _json(message: simex_pb2.Commission | simex_pb2.VenueLimits) -> str:
    return json.dumps(MessageToDict(message, preserving_proto_field_name=True))
