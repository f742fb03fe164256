"""The agents that a thread can talk to, and the tools that each may use."""

from dataclasses import dataclass

from apex.backend.model import COST_ANALYSIS, THREAD_SEARCH
from apex.shared.errors import not_found


@dataclass(frozen=True)
class Agent:
    """One agent of the catalogue."""

    name: str
    description: str
    tools: tuple[str, ...]

    def as_json(self) -> dict[str, str | list[str]]:
        return {"name": self.name, "description": self.description, "tools": list(self.tools)}


SUPERVISOR = "supervisor"
CATALOGUE = (
    Agent(SUPERVISOR, "plans, and uses whatever a question needs", (COST_ANALYSIS, THREAD_SEARCH)),
    Agent("cost-analyst", "answers questions about usage and cost", (COST_ANALYSIS,)),
    Agent("librarian", "finds what was said in a thread", (THREAD_SEARCH,)),
)


def find_agent(name: str) -> Agent:
    """The agent of this name, or 404."""
    for agent in CATALOGUE:
        if agent.name == name:
            return agent
    raise not_found("agent")
