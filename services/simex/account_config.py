"""Settings of accounts and their keys: `[[simex.accounts]]` and `[[simex.keys]]`."""

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from gridcore.model.setting import Setting
from gridservice.config_file import HIDDEN, ConfigError, Table
from gridservice.settings import read_section
from gridsim.account import MAIN, ZERO, Balance
from simex.access.keys import ApiKey

_NAME = re.compile(r"[A-Za-z0-9_-]{1,36}")
_READ, _TRADE = "read", "trade"


def _account_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("give 1 to 36 letters, digits, _ or -")
    if text == MAIN:
        raise ValueError("this account is there already: [simex.balances] is what it has")
    return text


def _word(text: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("give printable ASCII characters without a space")
    return text


def _permissions(given: tuple[str, ...]) -> tuple[str, ...]:
    if set(given) - {_READ, _TRADE} or _READ not in given:
        raise ValueError('give ["read"] or ["read", "trade"]')
    return given


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One of `[[simex.accounts]]`."""

    name: Annotated[str, Setting("letters, digits, `_`, `-`", parse=_account_name)]


@dataclass(frozen=True, slots=True)
class KeySettings:
    """One of `[[simex.keys]]`."""

    key: Annotated[str, Setting("the public part of the pair; each key once", parse=_word, secret=True)] = field(
        repr=False
    )
    secret: Annotated[str, Setting("what signs", parse=_word, secret=True)] = field(repr=False)
    account: Annotated[str, Setting("whose it is; an account may have several")] = MAIN
    permissions: Annotated[
        tuple[str, ...],
        Setting(
            "without `trade` orders and cancels are answered with -2015",
            parse=_permissions,
            allowed='`["read"]`, `["read", "trade"]`',
        ),
    ] = (_READ, _TRADE)
    ips: Annotated[
        tuple[str, ...],
        Setting("the addresses from which it is let in, from elsewhere -2015; none: from anywhere"),
    ] = ()


def read_balances(table: Table) -> tuple[Balance, ...]:
    """Reads an account's initial balances, by asset."""
    return tuple(Balance(asset, table.decimal(asset, least=ZERO)) for asset in table.names())


def read_accounts(rows: list[Table]) -> Mapping[str, tuple[Balance, ...]]:
    """Reads the accounts beside the main one. Raises ConfigError for an invalid or duplicate name."""
    accounts: dict[str, tuple[Balance, ...]] = {}
    for row in rows:
        name = read_section(AccountSettings, row).name
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
    given = read_section(KeySettings, row)
    if given.account not in accounts:
        remedy = f"there is no such account; there are {', '.join(accounts)}"
        raise ConfigError(row.field("account"), given.account, remedy)
    return ApiKey(
        account=given.account,
        key=given.key,
        secret=given.secret,
        may_trade=_TRADE in given.permissions,
        ips=frozenset(_ip(row, text) for text in given.ips),
    )


def _ip(row: Table, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        remedy = 'give addresses from which the key may be used, such as ["127.0.0.1"]'
        raise ConfigError(row.field("ips"), text, remedy) from None
