# /// script
# requires-python = ">=3.11"
# dependencies = ["dapr[fastapi]>=1.19", "standardwebhooks>=1.1"]
# ///
"""The same service by HTTP: beside daprd's routes it takes the events of a webhook, into the same state."""

import os

import uvicorn
from consumer import Envelope, app, take
from fastapi import Request, Response
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


@app.post("/webhook")
async def receive_webhook(request: Request) -> Response:
    """Take an event without Dapr: any 2xx means taken, anything else that it comes again."""
    body = await request.body()
    if not is_signed(request, body):
        return Response(status_code=401)
    try:
        envelope = Envelope.model_validate_json(body)
    except ValidationError:
        return Response(status_code=202)  # a test of the channel, or one that will never be readable: no second time
    take(envelope, await request.json())  # our own failure becomes a 500
    return Response(status_code=204)


def is_signed(request: Request, body: bytes) -> bool:
    """Check signature and age of a request by the library of Standard Webhooks."""
    secret = os.environ.get("WEBHOOK_SECRET", "")
    if not secret:
        return False
    try:
        Webhook(secret).verify(body, dict(request.headers))
    except WebhookVerificationError:
        return False
    return True


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("APP_PORT", "8001")), log_level="warning")
