"""The agents that a thread can talk to, and the tools that each may use."""

from dataclasses import dataclass

from apex.backend.model import COST_ANALYSIS, MCP_TOOL, THREAD_SEARCH
from apex.shared.errors import not_found


@dataclass(frozen=True)
class Agent:
    """One agent of the catalogue."""

    name: str
    description: str
    tools: tuple[str, ...]
    uses_mcp: bool = False

    def may_call(self, tool: str) -> bool:
        """Whether this agent may use the tool."""
        return tool in self.tools or (tool == MCP_TOOL and self.uses_mcp)

    def as_json(self, mcp_tools: tuple[str, ...] = ()) -> dict[str, str | list[str]]:
        """The agent, for somebody who has these MCP tools."""
        own = mcp_tools if self.uses_mcp else ()
        return {
            "name": self.name,
            "description": self.description,
            "tools": [*self.tools, *own],
        }


SUPERVISOR = "supervisor"
CATALOGUE = (
    Agent(
        SUPERVISOR,
        "plans, and uses whatever a question needs",
        (COST_ANALYSIS, THREAD_SEARCH),
        uses_mcp=True,
    ),
    Agent("cost-analyst", "answers questions about usage and cost", (COST_ANALYSIS,)),
    Agent("librarian", "finds what was said in a thread", (THREAD_SEARCH,)),
)


def find_agent(name: str) -> Agent:
    """The agent of this name, or 404."""
    for agent in CATALOGUE:
        if agent.name == name:
            return agent
    raise not_found("agent")
