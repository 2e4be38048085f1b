"""The agent: a bounded loop around a guarded endpoint, with tools in a sandbox."""

from pathlib import Path

from seatrial.agent.loop import Agent, AgentEnd
from seatrial.agent.toolbox import Toolbox, ToolOutcome

DEFAULT_PROFILE = Path(__file__).parent / "default.toml"
"""The wording for models without a profile of their own."""

__all__ = ["DEFAULT_PROFILE", "Agent", "AgentEnd", "ToolOutcome", "Toolbox"]
