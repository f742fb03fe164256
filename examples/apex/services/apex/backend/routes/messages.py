"""`/threads/{id}/messages` and `/runs/{id}`: ask the agents, and read what they did."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, Response, StreamingResponse
from greenproof_receipts import depth
from pydantic import BaseModel, Field

from apex.backend.agents import SUPERVISOR
from apex.backend.callers import Registered, SignedIn
from apex.backend.runs import Event
from apex.shared.errors import envelope

router = APIRouter()


class MessageBody(BaseModel):
    """The body of `POST /threads/{id}/messages`.

    With `stream` the answer comes as server-sent events, piece by piece; without `wait` the run
    goes on in the background, and its events are at `GET /runs/{id}/events`.
    """

    content: Annotated[str, Field(min_length=1, max_length=8000)]
    agent: str = SUPERVISOR
    wait: bool = True
    stream: bool = False


@router.get("/threads/{id}/messages")
async def index(id: uuid.UUID, caller: SignedIn, services: Registered) -> dict[str, Any]:
    messages = await services.threads.messages(caller.user_id, id)
    depth("core")
    return {"messages": messages}


@router.post("/threads/{id}/messages")
async def send(
    id: uuid.UUID, body: MessageBody, caller: SignedIn, services: Registered
) -> Response:
    chat = services.chat
    message, question = await chat.ask(caller, id, body.content, body.agent, body.stream)
    depth("core")
    run_id = str(question.run_id)
    if body.stream:
        return _server_sent(chat.stream(question))
    if not body.wait:
        chat.answer_later(question)
        return JSONResponse({"message": message, "run_id": run_id}, 202)
    events: list[Event] = []

    async def keep(event: Event) -> None:
        events.append(event)

    answer = await chat.answer(question, keep)
    done = {"message": message, "run_id": run_id, "answer": answer, "events": events}
    if answer is not None:
        return JSONResponse(done, 201)
    code, reason = events[-1]["code"], events[-1]["reason"]
    return JSONResponse(envelope(code, reason) | done, 500 if code == "internal_error" else 502)


@router.get("/runs/{id}")
async def show(id: uuid.UUID, caller: SignedIn, services: Registered) -> dict[str, Any]:
    found = await services.runs.find(caller.user_id, id)
    depth("core")
    return found


@router.get("/runs/{id}/events")
async def events(
    id: uuid.UUID,
    caller: SignedIn,
    services: Registered,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> StreamingResponse:
    """Those after the header `Last-Event-ID`, which a client sends when it comes back."""
    await services.runs.find(caller.user_id, id)
    depth("core")
    return _server_sent(services.runs.follow(id, last_event_id))


def _server_sent(events: AsyncIterator[Event]) -> StreamingResponse:
    return StreamingResponse(_lines(events), media_type="text/event-stream")


async def _lines(events: AsyncIterator[Event]) -> AsyncIterator[str]:
    async for event in events:
        # A piece of an answer has no number: nobody can come back to the middle of a sentence.
        number = f"id: {event['sequence']}\n" if "sequence" in event else ""
        yield f"{number}event: {event['type']}\ndata: {json.dumps(event)}\n\n"
