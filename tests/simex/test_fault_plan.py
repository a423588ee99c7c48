"""Which fault strikes what: by place, by count, by time, by chance, and what makes no sense."""

import itertools
import re
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from google.protobuf import json_format

from gridservice.config_file import ConfigError, Table
from gridwright.v1 import simex_pb2
from simex.config import read_settings
from simex.control.fault_control import fault_from_proto
from simex.faults.kinds import FORMS, BadFault, Fault, Kind, Occasion, Places, check
from simex.faults.plan import FaultPlan

PLACES = Places(frozenset({"POST order", "GET order"}), frozenset({"main", "hand"}))
RESET = Fault(Kind.RESET_AFTER, endpoint="POST order")


def struck(
    plan: FaultPlan, times: int, where: str = "POST order", account: str = "main", now_ms: int = 0
) -> list[bool]:
    return [plan.strike(Occasion.REQUEST, where, account, now_ms) is not None for _ in range(times)]


def test_nothing_strikes_where_nothing_is_in_force() -> None:
    assert struck(FaultPlan(), 3) == [False] * 3


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(Fault(Kind.RESET_AFTER), [True] * 5, id="always"),
        pytest.param(Fault(Kind.RESET_AFTER, count=2), [True, True, False, False, False], id="the next two"),
        pytest.param(Fault(Kind.RESET_AFTER, skip=2, count=1), [False, False, True, False, False], id="the third"),
        pytest.param(Fault(Kind.RESET_AFTER, endpoint="POST order"), [True] * 5, id="its endpoint"),
        pytest.param(Fault(Kind.RESET_AFTER, endpoint="GET order"), [False] * 5, id="another endpoint"),
        pytest.param(Fault(Kind.RESET_AFTER, account="hand"), [False] * 5, id="another account"),
        pytest.param(Fault(Kind.DROP), [False] * 5, id="another occasion"),
    ],
)
def test_a_fault_strikes_where_and_when_it_says(fault: Fault, expected: list[bool]) -> None:
    plan = FaultPlan()
    plan.add(fault)

    assert struck(plan, 5) == expected


def test_a_fault_strikes_from_its_time_to_before_its_end() -> None:
    plan = FaultPlan()
    plan.add(Fault(Kind.RESET_AFTER, from_ms=10, until_ms=20))

    assert [struck(plan, 1, now_ms=now_ms)[0] for now_ms in (9, 10, 19, 20)] == [False, True, True, False]


def test_chance_is_the_seeds_and_the_matchs_alone() -> None:
    def strikes(seed: int, other_traffic: int) -> list[bool]:
        plan = FaultPlan(seed)
        plan.add(Fault(Kind.RESET_AFTER, endpoint="POST order", probability=Decimal("0.3")))
        found = []
        for _ in range(400):
            struck(plan, other_traffic, where="GET order")
            found += struck(plan, 1)
        return found

    assert strikes(7, 0) == strikes(7, 3)
    assert strikes(7, 0) != strikes(8, 0)
    assert 80 < sum(strikes(7, 0)) < 160


def test_the_fault_that_was_added_first_strikes_and_the_later_one_does_not_count_the_match() -> None:
    plan = FaultPlan()
    plan.add(Fault(Kind.RESET_AFTER, count=1))
    plan.add(Fault(Kind.CUT_BODY, count=1))

    kinds = [fault.kind if (fault := plan.strike(Occasion.REQUEST, "x", "", 0)) else None for _ in range(3)]

    assert kinds == [Kind.RESET_AFTER, Kind.CUT_BODY, None]
    assert [(each.matched, each.fired) for each in plan.faults] == [(1, 1), (1, 1)]


def test_a_fault_is_taken_out_of_force_by_its_id_or_with_all_others() -> None:
    plan = FaultPlan()
    first, second, _third = plan.add(RESET), plan.add(RESET), plan.add(RESET)

    assert plan.clear([second, 99]) == 1
    assert [each.id for each in plan.faults] == [first, 3]
    assert plan.clear() == 2
    assert struck(plan, 1) == [False]
    assert plan.add(RESET) == 4  # an id is never given twice


@pytest.mark.parametrize(
    ("fault", "field", "words"),
    [
        pytest.param(Fault(Kind.RESET_AFTER, delay_ms=5), "delay_ms", "RESET_AFTER does not read it", id="unread"),
        pytest.param(Fault(Kind.DROP, endpoint="POST order"), "endpoint", "it reads stream", id="no endpoint"),
        pytest.param(Fault(Kind.SLOW_ANSWER), "delay_ms", "SLOW_ANSWER needs one", id="needed"),
        pytest.param(Fault(Kind.RESET_AFTER, endpoint="POST orders"), "endpoint", '"POST order"', id="endpoint"),
        pytest.param(Fault(Kind.DROP, stream="private"), "stream", '"public"', id="stream"),
        pytest.param(Fault(Kind.DROP, account="me"), "account", "hand, main", id="account"),
        pytest.param(Fault(Kind.DROP, probability=Decimal("1.1")), "probability", "at most 1", id="probability"),
        pytest.param(Fault(Kind.DROP, probability=Decimal(0)), "probability", "above 0", id="never"),
        pytest.param(Fault(Kind.CANCEL_CROSSES_FILL, fraction=Decimal(2)), "fraction", "at most 1", id="fraction"),
        pytest.param(Fault(Kind.DROP, count=-1), "count", "at least 0", id="count"),
        pytest.param(Fault(Kind.SILENCE, delay_ms=-1), "delay_ms", "milliseconds", id="delay"),
        pytest.param(Fault(Kind.DROP, from_ms=5, until_ms=5), "until_ms", "after from_ms 5", id="until"),
        pytest.param(Fault(Kind.STATUS, status=404), "status", "500 to 599", id="status"),
        pytest.param(Fault(Kind.ERROR_CODE, code=5), "code", "-1006", id="code"),
    ],
)
def test_an_invalid_fault_is_refused_with_field_value_and_remedy(fault: Fault, field: str, words: str) -> None:
    with pytest.raises(BadFault) as refused:
        check(fault, PLACES)

    assert refused.value.field == field
    assert words in refused.value.remedy


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_form_and_can_be_meant(kind: Kind) -> None:
    needed = {"delay_ms": 5, "status": 502, "code": -1006}
    check(Fault(kind, **{name: needed[name] for name in FORMS[kind].needs}), PLACES)  # type: ignore[arg-type]  # by name


@pytest.fixture
def config() -> Callable[..., Table]:
    numbers = itertools.count()

    def make(*faults: dict[str, object]) -> Table:
        markets = [{"symbol": "BTC/USDT", "seed": next(numbers)}]
        return Table({"markets": markets, "fault_seed": 9, "faults": list(faults)}, "simex")

    return make


def test_faults_are_read_from_the_config_file(config: Callable[..., Table]) -> None:
    settings = read_settings(
        config(
            {"kind": "reset_after", "endpoint": "POST order", "probability": "0.01"},
            {"kind": "hidden_order", "delay_ms": 2000, "count": 3},
        )
    )

    assert settings.fault_seed == 9
    assert settings.faults == (
        Fault(Kind.RESET_AFTER, endpoint="POST order", probability=Decimal("0.01")),
        Fault(Kind.HIDDEN_ORDER, delay_ms=2000, count=3),
    )


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        pytest.param(
            {"kind": "explode"}, "simex.faults[0].kind = 'explode': give one of accept_then_timeout", id="kind"
        ),
        pytest.param({"kind": "drop", "delay": 5}, "simex.faults[0].delay = 5: no such setting", id="setting"),
        pytest.param({}, "simex.faults[0].kind is missing", id="no kind"),
    ],
)
def test_a_fault_in_the_config_file_that_is_none_is_refused(
    config: Callable[..., Table], fault: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings(config(fault))

    assert sentence in str(refused.value)


DOCUMENT = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL))
def test_the_documents_configs_can_be_meant(example: str) -> None:
    written = tomllib.loads(example)
    values = {"markets": [{"symbol": "BTC/USDT"}], "faults": written["simex"]["faults"]}

    for fault in read_settings(Table(values, "simex")).faults:
        check(fault, Places(frozenset({"POST order", "DELETE order"}), frozenset()))


@pytest.mark.parametrize("example", re.findall(r"-d '(\{\"fault\".*?\})' ", DOCUMENT))
def test_the_documents_calls_can_be_meant(example: str) -> None:
    request = json_format.Parse(example, simex_pb2.AddFaultRequest())

    check(fault_from_proto(request.fault), PLACES)


@pytest.mark.parametrize("kind", Kind)
def test_the_document_says_what_each_kind_reads(kind: Kind) -> None:
    kinds = DOCUMENT.partition("## Requests")[2]
    (row,) = re.findall(rf"^\| `{kind.value.lower()}` \|(.*?)\|", kinds, re.MULTILINE)

    assert set(re.findall(r"`(\w+)`", row)) == FORMS[kind].reads - {"endpoint", "stream"}
