"""What Dapr's input bindings call: the cron that makes the scheduler look, beside the ticker that always runs."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic_core import to_json

from app.identity import SCHEDULER
from todo.record.work import Store
from todo.scheduler import step

MOST_STEPS = 500
"""Steps of one call, so that it ends within Dapr's patience; the ticker does the rest."""


def build_binding_routes(store: Store) -> APIRouter:
    """Return the routes on a store; their names are the bindings' names."""
    router = APIRouter(tags=["dapr"])

    @router.post("/bindings/recurring-scheduler", operation_id="run_scheduler")
    async def run_scheduler() -> Response:
        return Response(to_json({"processed": await run_steps(store)}), media_type="application/json")

    return router


async def run_steps(store: Store, most: int = MOST_STEPS) -> int:
    """Do what is due in bounded batches, with room for others between them; return how much was processed."""
    processed = 0
    for _ in range(most):
        done = await store.write(SCHEDULER, step)
        processed += done
        if not done:
            break
        await asyncio.sleep(0)
    return processed
