"""`gridwright status`: shows the services, the grids and their troubles. It reads once and changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import grpc
from grpc_health.v1 import health_pb2
from rich.table import Table
from rich.text import Text

from gridctl.commands.operator import code_of
from gridctl.view import formatting
from gridctl.view.columns import Cell, fitting
from gridctl.view.snapshot import number
from gridctl.view.troubles import ShownTrouble, ask_troubles
from griddeploy.deployment import ORCHESTRATOR, Deployment
from griddeploy.process.health import CHECK
from gridrpc.channel import open_sync_channel
from gridrpc.errors import Unavailable, rpc_error_of
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2, orchestrator_pb2, orchestrator_pb2_grpc

_CALL_SECONDS = 3.0
_ANSWERED = frozenset({"SERVING", "NOT_SERVING"})
_IN_ORDER = frozenset({"RUNNING", "PAUSED"})
_SERVICE_HEADER = ("service", "address", "health")
_GRID_HEADER = ("grid", "mode", "price", "age", "slots", "orders", "position", "realised", "unrealised")

OpenChannel = Callable[[str], grpc.Channel]


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """The answers: by service SERVING, NOT_SERVING or a status code; by symbol the state, where known.

    `whys`: the reason that each service which is NOT_SERVING gives.
    """

    healths: Mapping[str, str]
    answers: Mapping[str, orchestrator_pb2.GetStateResponse | None]
    whys: Mapping[str, str] = field(default_factory=dict[str, str])
    troubles: Mapping[str, Sequence[ShownTrouble]] = field(default_factory=dict[str, Sequence[ShownTrouble]])

    @property
    def in_order(self) -> bool:
        """Whether every service serves, every grid is running or paused, and there are no troubles."""
        return (
            all(health == "SERVING" for health in self.healths.values())
            and all(answer is not None and formatting.standing(answer) in _IN_ORDER for answer in self.answers.values())
            and not any(self.troubles.values())
        )


def ask(deployment: Deployment, open_channel: OpenChannel) -> DeploymentStatus:
    """Reads each service's health and troubles, and each grid's state from the orchestrator."""
    healths: dict[str, str] = {}
    troubles: dict[str, list[ShownTrouble]] = {}
    for name, address in deployment.addresses.items():
        with open_channel(address) as channel:
            healths[name] = _health(channel)
            if healths[name] in _ANSWERED:
                troubles[name] = ask_troubles(channel, name, _CALL_SECONDS)
    silent = [name for name, health in healths.items() if health == "NOT_SERVING"]
    whys = {name: why_not_serving(name, deployment.addresses[name], open_channel) for name in silent}
    with open_channel(deployment.addresses[ORCHESTRATOR]) as orchestrator:
        answers = {symbol: _state(orchestrator, symbol) for symbol in deployment.symbols}
    return DeploymentStatus(healths, answers, whys, troubles)


def why_not_serving(name: str, address: str, open_channel: OpenChannel = open_sync_channel) -> str:
    """Sends a read-only request and returns the error sentence of the refusal; empty if it is not refused.

    The health protocol has no room for a reason. A read from a database that is unreachable is refused with one.
    """
    with open_channel(address) as channel:
        try:
            match name:
                case "orchestrator":
                    stub = orchestrator_pb2_grpc.OrchestratorStub(channel)
                    stub.ListWorkflows(orchestrator_pb2.ListWorkflowsRequest(limit=1), timeout=_CALL_SECONDS)
                case "executor":
                    request = executor_pb2.GetBatchRequest(request_id="gridwright status")
                    executor_pb2_grpc.ExecutorStub(channel).GetBatch(request, timeout=_CALL_SECONDS)
                case _:
                    return ""
        except grpc.RpcError as error:
            fault = rpc_error_of(error)
            return fault.message if isinstance(fault, Unavailable) else ""
    return ""


def _health(channel: grpc.Channel) -> str:
    check = channel.unary_unary(
        CHECK,
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = check(health_pb2.HealthCheckRequest(), timeout=_CALL_SECONDS)
    except grpc.RpcError as error:
        return code_of(error).name
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def _state(channel: grpc.Channel, symbol: str) -> orchestrator_pb2.GetStateResponse | None:
    request = orchestrator_pb2.GetStateRequest(symbol=symbol)
    try:
        return orchestrator_pb2_grpc.OrchestratorStub(channel).GetState(request, timeout=_CALL_SECONDS)
    except grpc.RpcError:
        return None


def services_tables(status: DeploymentStatus, deployment: Deployment, width: int) -> list[Table]:
    """Tables with each service, its address and its health."""
    rows: list[list[Cell]] = [
        [name, deployment.addresses[name], Text(health, style="green" if health == "SERVING" else "bold red")]
        for name, health in status.healths.items()
    ]
    return fitting(_SERVICE_HEADER, rows, width)


def grids_tables(status: DeploymentStatus, width: int) -> list[Table]:
    """Tables with each grid's mode, price and its age, slots and profit; two tables on a narrow terminal."""
    rows: list[list[Cell]] = [
        [symbol, Text("not known", style="bold red")] if answer is None else _grid(symbol, answer)
        for symbol, answer in status.answers.items()
    ]
    return fitting(_GRID_HEADER, rows, width)


def reasons(status: DeploymentStatus) -> list[str]:
    """Sentences: why a service does not serve, and why a grid is not running."""
    return [f"{name}: {why}" for name, why in status.whys.items() if why] + [
        f"{symbol}: {_why(answer)}"
        for symbol, answer in status.answers.items()
        if answer is not None and formatting.standing(answer) != "RUNNING"
    ]


def _why(answer: orchestrator_pb2.GetStateResponse) -> str:
    if answer.refused:
        return f"refused: {answer.refused}"
    return f"{formatting.mode(answer.state)} by {answer.state.risk.rule}: {answer.state.risk.reason}"


def foreign_orders(status: DeploymentStatus) -> list[str]:
    """One line per grid about foreign orders in its market. They are left alone."""
    return [
        f"{symbol}: {formatting.foreign(answer.state)}"
        for symbol, answer in status.answers.items()
        if answer is not None and answer.state.HasField("foreign")
    ]


def rebuilds(status: DeploymentStatus) -> list[str]:
    """Lines about grids whose state was rebuilt: when, why, and what could not be recovered."""
    found: list[str] = []
    for symbol, answer in status.answers.items():
        if answer is not None and answer.state.HasField("rebuilt"):
            rebuilt = answer.state.rebuilt
            found.append(f"{symbol}: rebuilt {formatting.when(rebuilt.at_ms)}, since {rebuilt.why}")
            found += [f"  not rebuilt: {sentence}" for sentence in rebuilt.lost]
    return found


def doubts(status: DeploymentStatus) -> list[str]:
    """Lines about the orders whose outcome is UNKNOWN. A grid that waits for evidence is not broken."""
    found: list[str] = []
    for symbol, answer in status.answers.items():
        if answer is None or not answer.unknown_orders:
            continue
        found.append(f"{symbol}: {formatting.doubt(answer)}")
        found += [
            f"  slot {slot.price}: {formatting.side(slot.order.side)} {slot.order.quantity} at {slot.order.price}, "
            f"order {slot.order.client_order_id}"
            for slot in sorted(answer.state.slots.values(), key=lambda slot: number(slot.price) or 0)
            if slot.order.status == models_pb2.ORDER_STATUS_UNKNOWN
        ]
    return found


def _grid(symbol: str, answer: orchestrator_pb2.GetStateResponse) -> list[Cell]:
    state, mode = answer.state, formatting.standing(answer)
    working = sum(slot.HasField("order") for slot in state.slots.values())
    return [
        symbol,
        Text(mode, style=formatting.MODE_STYLES.get(mode, "bold")),
        formatting.amount(answer.price),
        formatting.age(answer.price_age_ms),
        str(len(state.slots)),
        str(working),
        formatting.amount(state.totals.position),
        formatting.pnl(state.totals.realised_pnl),
        formatting.pnl(answer.unrealised_pnl),
    ]
