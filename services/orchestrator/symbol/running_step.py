"""The step that a symbol's loop runs: its plan, the plan's stored JSON, the time of each phase and the results."""

from functools import cached_property

from gridcore.model.actions import ActionResult
from gridcore.model.events import Plan
from gridrpc.convert_plan import plan_from_json, plan_json
from orchestrator.symbol.step_timer import StepTimer


class RunningStep:
    """One plan on its way from the decision to the commit.

    The loop creates it and a workflow's steps fill it, one after another. `results` is None until the executor has
    answered; `timer` measures the phases for the journal.
    """

    def __init__(self, plan: Plan, timer: StepTimer | None = None) -> None:
        self.plan = plan
        self.timer = timer or StepTimer()
        self.results: tuple[ActionResult, ...] | None = None

    @staticmethod
    def from_json(text: str) -> "RunningStep":
        """Returns the step of a resumed workflow. Raises InvalidArgument if this version cannot parse the plan."""
        step = RunningStep(plan_from_json(text))
        step.text = text
        return step

    @property
    def symbol(self) -> str:
        """The plan's symbol."""
        return self.plan.symbol

    @cached_property
    def text(self) -> str:
        """The plan's JSON: the input of its workflow, and its column in the journal."""
        return plan_json(self.plan)
