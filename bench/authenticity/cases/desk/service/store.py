"""The desk's memory: tickets, comments, attachments and agents."""

import hashlib
import html
import itertools
import re
import time

SLA = {"low": 2880, "normal": 480, "high": 60, "urgent": 15}
STATUSES = ("open", "assigned", "waiting", "closed")
AGENTS = {"ana": "Ana Ruiz", "ben": "Ben Okafor", "cho": "Cho Lin"}


class Refused(Exception):
    """A request that the desk does not accept."""

    def __init__(self, status, code, detail):
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class Store:
    """Everything the desk knows, in memory."""

    def __init__(self):
        self.tickets = {}
        self.attachments = {}
        self.ids = itertools.count(1)
        self.file_ids = itertools.count(1)

    def create(self, data):
        subject = str(data.get("subject") or "").strip()
        if not subject:
            raise Refused(422, "subject_required", "a ticket needs a subject")
        priority = data.get("priority", "normal")
        if priority not in SLA:
            raise Refused(422, "bad_priority", f"priority must be one of {', '.join(SLA)}")
        body = str(data.get("body") or "")
        number = next(self.ids)
        ticket = {
            "id": number,
            "ref": f"DSK-{number:05d}",
            "subject": subject,
            "slug": re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-"),
            "body": body,
            "words": len(body.split()),
            "priority": priority,
            "sla_minutes": SLA[priority],
            "status": "open",
            "assignee": None,
            "tags": sorted(set(data.get("tags") or [])),
            "comments": [],
            "history": ["created"],
            "created_at": time.time(),
        }
        self.tickets[number] = ticket
        return ticket

    def get(self, number):
        ticket = self.tickets.get(int(number)) if str(number).isdigit() else None
        if ticket is None:
            raise Refused(404, "no_such_ticket", f"there is no ticket {number}")
        return ticket

    def find(self, *, status=None, text=None, priority=None, tag=None):
        found = list(self.tickets.values())
        if status:
            found = [t for t in found if t["status"] == status]
        if priority:
            found = [t for t in found if t["priority"] == priority]
        if tag:
            found = [t for t in found if tag in t["tags"]]
        if text:
            found = [t for t in found if text.lower() in f"{t['subject']} {t['body']}".lower()]
        return sorted(found, key=lambda t: -t["id"])

    def change(self, number, data):
        ticket = self.get(number)
        if "status" in data and data["status"] not in STATUSES:
            raise Refused(422, "bad_status", f"status must be one of {', '.join(STATUSES)}")
        if "priority" in data and data["priority"] not in SLA:
            raise Refused(422, "bad_priority", "no such priority")
        for key in ("status", "priority", "subject"):
            if key in data:
                ticket[key] = data[key]
                ticket["history"].append(f"{key}:{data[key]}")
        ticket["sla_minutes"] = SLA[ticket["priority"]]
        return ticket

    def delete(self, number):
        del self.tickets[self.get(number)["id"]]

    def comment(self, number, data):
        ticket = self.get(number)
        text = str(data.get("text") or "").strip()
        if not text:
            raise Refused(422, "text_required", "a comment needs a text")
        made = {
            "position": len(ticket["comments"]) + 1,
            "author": data.get("author", "customer"),
            "text": text,
            "html": re.sub(r"\*(\w[^*]*)\*", r"<b>\1</b>", html.escape(text)),
            "mentions": re.findall(r"@(\w+)", text),
        }
        ticket["comments"].append(made)
        return made

    def assign(self, number, agent):
        ticket = self.get(number)
        if ticket["status"] == "closed":
            raise Refused(409, "ticket_closed", "a closed ticket cannot be assigned")
        if agent is None:
            agent = min(AGENTS, key=lambda name: (self.load(name), name))
        if agent not in AGENTS:
            raise Refused(404, "no_such_agent", f"there is no agent {agent}")
        ticket["assignee"] = agent
        ticket["status"] = "assigned"
        ticket["history"].append(f"assigned:{agent}")
        return {"ticket": ticket["id"], "agent": agent, "name": AGENTS[agent], "status": "assigned"}

    def load(self, agent):
        return sum(1 for t in self.tickets.values() if t["assignee"] == agent and t["status"] != "closed")

    def attach(self, number, name, kind, content):
        ticket = self.get(number)
        if not content:
            raise Refused(422, "empty_file", "an attachment needs content")
        made = {
            "id": next(self.file_ids),
            "ticket": ticket["id"],
            "name": name,
            "kind": kind,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        self.attachments[made["id"]] = (made, content)
        return made

    def merge(self, source, target):
        gone, kept = self.get(source), self.get(target)
        kept["comments"] += gone["comments"]
        kept["history"].append(f"merged:{gone['ref']}")
        gone["status"] = "closed"
        gone["history"].append(f"merged-into:{kept['ref']}")
        return {"kept": kept["ref"], "closed": gone["ref"], "comments": len(kept["comments"])}

    def escalate(self, number):
        ticket = self.get(number)
        steps = list(SLA)
        return self.change(number, {"priority": steps[min(steps.index(ticket["priority"]) + 1, len(steps) - 1)]})

    def counts(self):
        every = list(self.tickets.values())
        return {"total": len(every)} | {s: sum(1 for t in every if t["status"] == s) for s in STATUSES}
