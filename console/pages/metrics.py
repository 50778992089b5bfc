"""`/metrics`, for Prometheus, which carries a token of its own."""

import hmac

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from casework.errors import NotFound
from console.guard import METRICS
from console.page import console_of

router = APIRouter()


@router.get(METRICS)
def show(request: Request) -> Response:
    """Every metric."""
    token = console_of(request).metrics_token
    if not token:
        raise NotFound("there is no such page: health_token_file names no token")
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        wanted = {"WWW-Authenticate": "Bearer"}
        return Response("Authorization must be Bearer <token>\n", 401, wanted, "text/plain")
    body = request.app.state.metrics.exposition()
    return Response(body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
