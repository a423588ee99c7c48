"""The orchestrator with another workflow contract: `python -m gridtesting.live.other_contract`.

GRIDWRIGHT_CONTRACT names a file: a module of workflows that replaces `orchestrator.engine_dbos.workflows`. Everything
else is the orchestrator's own.
"""

CONTRACT_FILE = "GRIDWRIGHT_CONTRACT"
