"""The report at the end of a demo: earnings, kills, the audit's table and its one line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from gridctl.view import formatting
from gridctl.view.screen import Screen
from griddeploy.audit.audit import AuditReport, difference
from griddeploy.process.supervisor import Died, Incident, Returned, ServiceStatus
from gridwright.v1 import models_pb2

_FINDINGS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Summary:
    """The results of a finished run."""

    report: AuditReport
    states: Sequence[models_pb2.State]
    statuses: Sequence[ServiceStatus]  # before the shutdown
    incidents: Sequence[Incident]
    settled: bool
    exit_codes: Mapping[str, int]  # by service, after the shutdown


def print_summary(screen: Screen, summary: Summary, seed: int) -> None:
    """Prints the whole report, the AUDIT line last."""
    for state in summary.states:
        screen.say(_earnings(state))
    if any(status.kills for status in summary.statuses):
        screen.say(_kills(summary, seed))
    for line in _warnings(summary):
        screen.say(line)
    screen.show(audit_table(summary.report))
    for finding in findings(summary.report)[:_FINDINGS_SHOWN]:
        screen.say(f"  {finding}")
    for sentence in summary.report.unchecked:
        screen.say(f"  not checked: {sentence}")
    screen.say(summary.report.line())


def audit_table(report: AuditReport) -> Table:
    """A table of the audit's numbers with their meaning; a number that must be 0 and is not is red."""
    table = Table(title="audit: the venue's book compared with ours", title_justify="left", title_style="bold")
    table.add_column("number")
    table.add_column("found", justify="right")
    table.add_column("what it counts")
    table.add_row("fills", str(report.fills), "trades of our orders on the venue")
    for name, found, meaning in (
        ("duplicates", str(len(report.duplicates)), "ids with two orders, slots with two live orders"),
        ("orphans", str(len(report.orphans)), "live orders in no slot, slots whose order is nowhere"),
        ("missing", str(len(report.missing)), "trades on the venue that no step applied"),
        ("twice", str(len(report.twice)), "trades applied or logged more than once"),
        ("position_diff", difference(report.position_diff), "base on the venue less base in the state"),
        ("quote_diff", difference(report.quote_diff), "quote on the venue less quote in the state"),
    ):
        table.add_row(name, found, meaning, style="" if found == "0" else "bold red")
    return table


def findings(report: AuditReport) -> list[str]:
    """Lists each finding as a sentence."""
    return [*report.duplicates, *report.orphans, *report.missing, *report.twice]


def _earnings(state: models_pb2.State) -> str:
    totals, (base, _, quote) = state.totals, state.symbol.partition("/")
    return (
        f"{state.symbol}: {totals.fills} fills, {totals.rounds} rounds, "
        f"realised {formatting.pnl(totals.realised_pnl)} {quote} after fees\n"
        f"{state.symbol}: position {formatting.amount(totals.position)} {base}, "
        f"{state.seq} steps, mode {formatting.mode(state)}"
    )


def _kills(summary: Summary, seed: int) -> str:
    kills = ", ".join(f"{status.name} {status.kills}" for status in summary.statuses if status.kills)
    total = sum(status.kills for status in summary.statuses)
    returns = [incident.after_s for incident in summary.incidents if isinstance(incident, Returned)]
    slowest = f"; slowest return {max(returns):.1f} s" if returns else ""
    return f"KILLS {total}: {kills}; seed {seed}{slowest}"


def _warnings(summary: Summary) -> list[str]:
    died = [f"{incident.service} died by itself with {incident.returncode}"
            for incident in summary.incidents if isinstance(incident, Died)]  # fmt: skip
    unclean = [f"{name} stopped with {code}, not 0" for name, code in summary.exit_codes.items() if code != 0]
    unsettled = [] if summary.settled else ["not everything was settled when the evidence was read"]
    return [f"warning: {text}" for text in (*died, *unclean, *unsettled)]
