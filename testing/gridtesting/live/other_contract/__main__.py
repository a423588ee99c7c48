"""Installs the other contract, then runs the orchestrator. Also in a process that has already imported ours."""

import importlib
import os
import sys
from importlib.util import module_from_spec, spec_from_file_location

from dbos import DBOS

from gridtesting.live.other_contract import CONTRACT_FILE

_OURS = "orchestrator.engine_dbos.workflows"


def main() -> int:
    """Runs the orchestrator and returns its exit code."""
    DBOS.destroy(destroy_registry=True)
    for name in [name for name in sys.modules if name.partition(".")[0] == "orchestrator"]:
        del sys.modules[name]
    spec = spec_from_file_location(_OURS, os.environ[CONTRACT_FILE])
    assert spec is not None
    assert spec.loader is not None
    sys.modules[_OURS] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[_OURS])
    code: int = importlib.import_module("orchestrator.__main__").main()
    return code


if __name__ == "__main__":
    sys.exit(main())
