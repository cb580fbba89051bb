"""The demo's scene with two people: a closed door, an invitation, a token, and what each of them sees."""

from pathlib import Path

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy import Connection

from app.access.credentials import Made, create_credential
from app.access.grants import grant_invitation, read_token
from app.access.people import add_person
from app.cli.demo_stage import Stage
from app.http.server import serve_aside
from app.service import Service
from app.settings import load_settings
from app.system import SystemClock, SystemIds, draw_secret


async def perform_people(stage: Stage, folder: Path) -> None:
    """Play two people on a server of their own."""
    settings = load_settings(data_dir=folder, port=0, database_url="sqlite:///people.db", auth="token")
    async with serve_aside(settings) as (url, service):
        invitation, token = await _let_in(service)
        async with httpx2.AsyncClient(base_url=url, timeout=10) as http:
            closed = await http.get("/api/tasks")
            stage.see(closed.status_code == 401, "HTTP the door is closed", closed.json()["detail"])
        async with (
            httpx2.AsyncClient(base_url=url, headers={"Origin": url, "X-Todo-Page": "1"}) as anna,
            httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token.secret}"}) as ben,
        ):
            came = await anna.post("/api/session", json={"token": invitation.secret})
            stage.see(came.status_code == 201, "page Anna's invitation", "she is signed in")
            again = await anna.post("/api/session", json={"token": invitation.secret})
            stage.see(again.status_code == 401, "     works once")
            secret = (await anna.post("/api/tasks", json={"title": "Anna's surprise"})).json()["task"]
            async with Client(streamable_http_client(f"{url}/mcp", http_client=ben)) as agent:
                names = [tool.name for tool in (await agent.list_tools()).tools]
                stage.see("create_task" in names and "delete_task" not in names, "MCP  Ben's token", "may not delete")
                await agent.call_tool("create_task", {"title": "Ben's plan"})
                found = (await agent.call_tool("find_tasks", {})).structured_content or {}
            titles = [task["title"] for task in found.get("tasks", [])]
            stage.see(titles == ["Ben's plan"], "     sees his own", ", ".join(titles))
            foreign = await ben.get(f"/api/tasks/{secret['id']}")
            stage.see(foreign.status_code == 404, "     and nothing of Anna's", foreign.json()["code"])
            shown = (await anna.get("/api/tasks")).json()["tasks"]
            stage.see([task["id"] for task in shown] == [secret["id"]], "page Anna sees hers")


async def _let_in(service: Service) -> tuple[Made, Made]:
    """Add Anna with an invitation and Ben with a token, as the commands do."""
    ids, now = SystemIds(), SystemClock().now()

    def let_in(connection: Connection) -> tuple[Made, Made]:
        anna, ben = (add_person(connection, name, "Europe/Berlin", ids, now) for name in ("Anna", "Ben"))
        wanted = read_token({"name": "his agent", "scopes": "tasks:write"})
        grant = wanted.grant_to(ben, connection, now)
        return (
            create_credential(connection, grant_invitation(anna, now), now, ids, draw_secret),
            create_credential(connection, grant, now, ids, draw_secret),
        )

    return await service.database.write(let_in)
