"""The smaller parts of the live view: head, troubles, last fills and steps, services and their incidents."""

from datetime import datetime

from rich.table import Table
from rich.text import Text

from gridctl.view import formatting
from gridctl.view.snapshot import Snapshot
from griddeploy.process.supervisor import Died, GaveUp, Incident, Killed, Phase, Returned, ServiceStatus

HEAD_ROWS = 4
_WIDE = 100  # least width that also shows the fees, which the profit already includes
_WIDE_FILLS = 56
_OLD_PRICE_MS = 3_000
_PHASE_STYLES = {Phase.SERVING: "green", Phase.STARTING: "yellow", Phase.DOWN: "red", Phase.GAVE_UP: "bold red"}
_PHASE_MARKS = {Phase.SERVING: "●", Phase.STARTING: "◐", Phase.DOWN: "○", Phase.GAVE_UP: "✗"}


def draw_head(snapshot: Snapshot, width: int) -> list[Text]:
    """Draws four lines: the grid with its mode, the price and position, the profit, and why the grid is not running."""
    if snapshot.answer is None:
        waiting = Text("waiting for the orchestrator …", style="yellow")
        lines = [_title(snapshot, Text("")), waiting, Text(""), Text("")]
    else:
        mode = formatting.standing(snapshot.answer)
        badge = Text(f" {mode} ", style=f"{formatting.MODE_STYLES.get(mode, 'bold')} reverse")
        wide = width >= _WIDE
        lines = [_title(snapshot, badge), _price_line(snapshot), _profit_line(snapshot, wide=wide)]
        lines.append(_reason_line(snapshot, mode))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _title(snapshot: Snapshot, mode: Text) -> Text:
    return Text.assemble((f"gridwright  {snapshot.symbol}  ", "bold"), mode, f"  {snapshot.headline}")


def _price_line(snapshot: Snapshot) -> Text:
    assert snapshot.answer is not None
    answer = snapshot.answer
    age_ms = answer.price_age_ms + int(snapshot.answer_age_s * 1000) if answer.price_age_ms >= 0 else -1
    old = age_ms < 0 or age_ms > _OLD_PRICE_MS
    return Text.assemble(
        "price ", (formatting.amount(answer.price), "bold"),
        "  age ", (formatting.age(age_ms), "yellow" if old else ""),
        f"   position {formatting.amount(answer.state.totals.position)} {_base(snapshot)}",
        f"   fills {answer.state.totals.fills}   rounds {answer.state.totals.rounds}",
    )  # fmt: skip


def _profit_line(snapshot: Snapshot, *, wide: bool) -> Text:
    assert snapshot.answer is not None
    realised, unrealised = snapshot.answer.state.totals.realised_pnl, snapshot.answer.unrealised_pnl
    fees = ", ".join(f"{formatting.amount(fee, 6)} {asset}" for asset, fee in sorted(_fees(snapshot)))
    return Text.assemble(
        "after fees: realised ", (formatting.pnl(realised), formatting.pnl_style(realised)),
        "  unrealised ", (formatting.pnl(unrealised), formatting.pnl_style(unrealised)), f" {_quote(snapshot)}",
        (f"   fees {fees}" if fees and wide else "", "dim"),
    )  # fmt: skip


def _reason_line(snapshot: Snapshot, mode: str) -> Text:
    assert snapshot.answer is not None
    if not snapshot.connected:
        return Text(f"no answer from the orchestrator for {snapshot.answer_age_s:.1f} s; this was its last", "bold red")
    if snapshot.answer.refused:
        return Text(f"refused: {snapshot.answer.refused}", style=formatting.MODE_STYLES["REFUSED"])
    if mode != "RUNNING":
        risk = snapshot.answer.state.risk
        return Text(f"{risk.rule} by {risk.by or 'the risk check'}: {risk.reason}", style=formatting.MODE_STYLES[mode])
    if not snapshot.answer.trading:
        return Text("starting: settling what was in flight before it processes prices", style="yellow")
    unreachable = [
        name
        for name, reached in (
            ("executor", snapshot.answer.executor_reachable),
            ("pricemon", snapshot.answer.pricemon_reachable),
        )
        if not reached
    ]
    said = f"{' and '.join(unreachable)} unreachable" if unreachable else formatting.doubt(snapshot.answer)
    return Text(said, style="yellow")


def draw_fills(snapshot: Snapshot, rows: int, width: int) -> Table:
    """Draws the newest fills, newest first. If there is room, with the fee's asset and maker or taker."""
    wide = width >= _WIDE_FILLS
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("fill at", no_wrap=True)
    table.add_column("side", no_wrap=True)
    table.add_column("quantity", justify="right", no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True, min_width=8)
    table.add_column("fee", justify="right", no_wrap=True, min_width=8)
    if wide:
        table.add_column("in", no_wrap=True)
        table.add_column("as", no_wrap=True)
    for fill in list(reversed(snapshot.fills))[:rows]:
        table.add_row(
            datetime.fromtimestamp(fill.time_ms / 1000).astimezone().strftime("%H:%M:%S"),
            Text(fill.side, style=formatting.SIDE_STYLES[fill.side]),
            formatting.amount(fill.quantity),
            formatting.amount(fill.price),
            Text(formatting.amount(fill.fee, 6), style="dim"),
            *([fill.fee_asset, "maker" if fill.maker else "taker"] if wide else []),
        )
    return table


def draw_steps(snapshot: Snapshot, rows: int) -> Table:
    """Draws the newest steps, newest first: trigger, actions, and the milliseconds of each phase."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("by", no_wrap=True, min_width=5)
    table.add_column("n", justify="right", no_wrap=True)
    for phase in formatting.PHASES:
        table.add_column(phase, justify="right", no_wrap=True)
    if snapshot.answer is None:
        return table
    for step in snapshot.answer.last_steps[:rows]:
        times = formatting.phase_times(step)
        actions = len(step.plan.actions)
        row = [times.get(phase, "") for phase in formatting.PHASES]
        table.add_row(str(step.seq), formatting.trigger(step), str(actions) if actions else "", *row)
    return table


def draw_services(snapshot: Snapshot) -> Text:
    """Draws one line with each service's health, kills and restarts."""
    return Text("  ").join(_service(status) for status in snapshot.services)


def _service(status: ServiceStatus) -> Text:
    counts = f" {status.kills}×killed" if status.kills else f" {status.restarts}×restarted" if status.restarts else ""
    mark = (f"{_PHASE_MARKS[status.phase]} {status.name}", _PHASE_STYLES[status.phase])
    return Text.assemble(mark, (counts, "dim"))


def incident_text(incident: Incident) -> str:
    """Formats an incident as one line without style."""
    at = f"{incident.at_s:6.1f} s"
    match incident:
        case Killed(service=service):
            return f"{at}  KILL    {service}: SIGKILL sent"
        case Returned(service=service, after_s=after_s):
            return f"{at}  RETURN  {service}: serving again after {after_s:.1f} s"
        case Died(service=service, returncode=returncode):
            return f"{at}  DIED    {service}: ended with {returncode}, will be started again"
        case GaveUp(service=service, sentence=sentence):
            return f"{at}  GAVE UP {service}: {sentence}"


def draw_incidents(snapshot: Snapshot, rows: int) -> list[Text]:
    """Draws the newest incidents in chronological order."""
    styles = {Killed: "red", Returned: "green", Died: "yellow", GaveUp: "bold red"}
    newest = list(snapshot.incidents)[-rows:] if rows else []
    return [Text(incident_text(incident), style=styles[type(incident)], overflow="ellipsis") for incident in newest]


def draw_troubles(snapshot: Snapshot, rows: int, width: int) -> list[Text]:
    """Draws the oldest troubles, a line each; the last line counts the ones without room."""
    shown = list(snapshot.troubles)[:rows]
    if len(snapshot.troubles) > rows:
        shown[-1] = f"and {len(snapshot.troubles) - rows + 1} more: gridwright status names them"
    lines = [Text(f"▲ {trouble}", style="bold red") for trouble in shown]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _fees(snapshot: Snapshot) -> list[tuple[str, str]]:
    return list(snapshot.answer.state.totals.fees.items()) if snapshot.answer else []


def _base(snapshot: Snapshot) -> str:
    return snapshot.symbol.partition("/")[0]


def _quote(snapshot: Snapshot) -> str:
    return snapshot.symbol.partition("/")[2]
