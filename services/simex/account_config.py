"""Settings of accounts and their keys: `[[simex.accounts]]` and `[[simex.keys]]`."""

import ipaddress
import re
from collections.abc import Collection, Mapping

from gridservice.config_file import HIDDEN, ConfigError, Table
from gridsim.account import MAIN, ZERO, Balance
from simex.access.keys import ApiKey

_NAME = re.compile(r"[A-Za-z0-9_-]{1,36}")
_READ, _TRADE = "read", "trade"


def read_balances(table: Table) -> tuple[Balance, ...]:
    """Reads an account's initial balances, by asset."""
    return tuple(Balance(asset, table.decimal(asset, least=ZERO)) for asset in table.names())


def read_accounts(rows: list[Table]) -> Mapping[str, tuple[Balance, ...]]:
    """Reads the accounts beside the main one. Raises ConfigError for an invalid or duplicate name."""
    accounts: dict[str, tuple[Balance, ...]] = {}
    for row in rows:
        name = row.text("name")
        if not _NAME.fullmatch(name):
            raise ConfigError(row.field("name"), name, "give 1 to 36 letters, digits, _ or -")
        if name == MAIN:
            raise ConfigError(row.field("name"), name, "this account is there already: [simex.balances] is what it has")
        if name in accounts:
            raise ConfigError(row.field("name"), name, "two accounts have this name; remove one")
        accounts[name] = read_balances(row.table("balances"))
        row.refuse_unread()
    return accounts


def read_keys(rows: list[Table], accounts: Collection[str], main_key: str) -> tuple[ApiKey, ...]:
    """Reads the keys beside the main one. Raises ConfigError for a duplicate, or one of an unknown account."""
    keys: list[ApiKey] = []
    for row in rows:
        key = _key(row, accounts)
        if key.key in {main_key, *(each.key for each in keys)}:
            raise ConfigError(row.field("key"), HIDDEN, "two keys are the same, api_key among them; change one")
        keys.append(key)
        row.refuse_unread()
    return tuple(keys)


def _key(row: Table, accounts: Collection[str]) -> ApiKey:
    account = row.text("account", MAIN)
    if account not in accounts:
        raise ConfigError(row.field("account"), account, f"there is no such account; there are {', '.join(accounts)}")
    permissions = row.texts("permissions", [_READ, _TRADE])
    if set(permissions) - {_READ, _TRADE} or _READ not in permissions:
        raise ConfigError(row.field("permissions"), permissions, 'give ["read"] or ["read", "trade"]')
    return ApiKey(
        account=account,
        key=_word(row, "key"),
        secret=_word(row, "secret"),
        may_trade=_TRADE in permissions,
        ips=frozenset(_ip(row, text) for text in row.texts("ips", [])),
    )


def _word(row: Table, field: str) -> str:
    text = row.text(field)
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(row.field(field), HIDDEN, "give printable ASCII characters without a space")
    return text


def _ip(row: Table, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        remedy = 'give addresses from which the key may be used, such as ["127.0.0.1"]'
        raise ConfigError(row.field("ips"), text, remedy) from None
