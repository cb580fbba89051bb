"""The replay of parked events and failed reactions from the shell."""

from app.service import open_service
from app.settings import Settings
from events.embedded import replay_parked
from events.outbox import resume_parked


async def replay_events(settings: Settings, *, parked: bool) -> int:
    """Resume parked events of the outbox, or failed reactions; return how many. `serve` then processes them."""
    async with open_service(settings) as service:
        if parked:
            return await service.database.write(resume_parked)
        return await service.database.write(lambda connection: replay_parked(connection, None))
