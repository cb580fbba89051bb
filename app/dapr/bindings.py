"""The routes of Dapr's input bindings: the cron that runs the scheduler, in addition to the built-in ticker."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic_core import to_json

from app.identity import SCHEDULER
from todo.record.work import Store
from todo.scheduler import step

MOST_STEPS = 500
"""Most steps of one call, so that it ends before Dapr's timeout; the ticker does the rest."""


def build_binding_routes(store: Store) -> APIRouter:
    """Return the binding routes on a store; their paths are the bindings' names."""
    # The sidecar knows its own routes; nothing else may call them.
    router = APIRouter(tags=["dapr"], include_in_schema=False)

    @router.post("/bindings/recurring-scheduler", operation_id="run_scheduler")
    async def run_scheduler() -> Response:
        return Response(to_json({"processed": await run_steps(store)}), media_type="application/json")

    return router


async def run_steps(store: Store, most: int = MOST_STEPS) -> int:
    """Run due work in bounded batches, yielding between them; return how many items were processed."""
    processed = 0
    for _ in range(most):
        done = await store.write(SCHEDULER, step)
        processed += done
        if not done:
            break
        await asyncio.sleep(0)
    return processed
