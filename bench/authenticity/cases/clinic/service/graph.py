"""The GraphQL side of the clinic."""

from __future__ import annotations

from graphql import GraphQLError, build_schema, graphql_sync
from store import Clinic, Refused

SDL = """
type Practitioner { id: ID! name: String! specialty: String! room: String! slots(day: String!): [Slot!]! }
type Slot { starts: String! free: Boolean! }
type Patient { id: ID! name: String! born: String! phone: String! appointments: [Appointment!]! }
type Appointment {
  id: ID! starts: String! status: String! reason: String! reference: String!
  patient: Patient! practitioner: Practitioner!
}
type PageInfo { hasNextPage: Boolean! endCursor: String }
type AppointmentEdge { cursor: String! node: Appointment! }
type AppointmentConnection { totalCount: Int! edges: [AppointmentEdge!]! pageInfo: PageInfo! }
type UserError { code: String! message: String! }
type BookPayload { appointment: Appointment userErrors: [UserError!]! }
input BookInput { patient: ID! practitioner: ID! starts: String! reason: String }
type Query {
  practitioner(id: ID!): Practitioner
  practitioners(specialty: String): [Practitioner!]!
  patient(id: ID!): Patient
  appointment(id: ID!): Appointment
  appointments(practitioner: ID!, first: Int = 5, after: String): AppointmentConnection!
}
type Mutation {
  bookAppointment(input: BookInput!): BookPayload!
  cancelAppointment(id: ID!): BookPayload!
  registerPatient(name: String!, born: String!): Patient!
}
"""
SCHEMA = build_schema(SDL)


class Doctor(dict):
    def __init__(self, clinic: Clinic, item: dict) -> None:
        super().__init__(item)
        self["slots"] = lambda _info, day: clinic.slots(item["id"], day)


def patient_view(clinic: Clinic, item: dict) -> dict:
    def booked(_info: object) -> list:
        hits = [a for a in clinic.appointments.values() if a["patient"] == item["id"]]
        return [appointment_view(clinic, a) for a in sorted(hits, key=lambda a: a["starts"])]

    return {**item, "appointments": booked}


def appointment_view(clinic: Clinic, item: dict) -> dict:
    return {
        **item,
        "patient": lambda _info: patient_view(clinic, clinic.get("patients", item["patient"])),
        "practitioner": lambda _info: Doctor(clinic, clinic.get("practitioners", item["practitioner"])),
    }


class Root:
    def __init__(self, clinic: Clinic, user: str | None) -> None:
        self.clinic, self.user = clinic, user

    def _signed_in(self) -> None:
        if self.user is None:
            raise GraphQLError("sign in first", extensions={"code": "UNAUTHENTICATED"})

    def practitioner(self, _info: object, id: str) -> dict | None:  # noqa: A002
        item = self.clinic.practitioners.get(id)
        return item and Doctor(self.clinic, item)

    def practitioners(self, _info: object, specialty: str | None = None) -> list:
        return [
            Doctor(self.clinic, p) for p in self.clinic.practitioners.values() if specialty in (None, p["specialty"])
        ]

    def patient(self, _info: object, id: str) -> dict | None:  # noqa: A002
        self._signed_in()
        item = self.clinic.patients.get(id)
        return item and patient_view(self.clinic, item)

    def appointment(self, _info: object, id: str) -> dict | None:  # noqa: A002
        self._signed_in()
        item = self.clinic.appointments.get(id)
        return item and appointment_view(self.clinic, item)

    def appointments(self, _info: object, practitioner: str, first: int = 5, after: str | None = None) -> dict:
        self._signed_in()
        hits = sorted(
            (a for a in self.clinic.appointments.values() if a["practitioner"] == practitioner),
            key=lambda a: a["starts"],
        )
        start = next((i + 1 for i, a in enumerate(hits) if a["id"] == after), 0)
        page = hits[start : start + first]
        return {
            "totalCount": len(hits),
            "edges": [{"cursor": a["id"], "node": appointment_view(self.clinic, a)} for a in page],
            "pageInfo": {"hasNextPage": start + first < len(hits), "endCursor": page[-1]["id"] if page else None},
        }

    def _payload(self, work: object) -> dict:
        self._signed_in()
        try:
            return {"appointment": appointment_view(self.clinic, work()), "userErrors": []}
        except Refused as why:
            return {
                "appointment": None,
                "userErrors": [{"code": why.code.upper(), "message": why.code.replace("_", " ")}],
            }

    def bookAppointment(self, _info: object, input: dict) -> dict:  # noqa: A002, N802
        return self._payload(lambda: self.clinic.book(dict(input))[0])

    def cancelAppointment(self, _info: object, id: str) -> dict:  # noqa: A002, N802
        return self._payload(lambda: self.clinic.cancel(id))

    def registerPatient(self, _info: object, name: str, born: str) -> dict:  # noqa: N802
        self._signed_in()
        try:
            return patient_view(self.clinic, self.clinic.add_patient({"name": name, "born": born}))
        except Refused as why:
            raise GraphQLError(
                "invalid input", extensions={"code": "BAD_USER_INPUT", "fields": why.more["fields"]}
            ) from None


def execute(clinic: Clinic, user: str | None, body: dict) -> dict:
    result = graphql_sync(
        SCHEMA,
        body.get("query", ""),
        Root(clinic, user),
        variable_values=body.get("variables"),
        operation_name=body.get("operationName"),
    )
    return result.formatted
