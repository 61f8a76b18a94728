"""Posts an alert to a webhook, in bounded time and without ever showing the URL.

The URL of a webhook is a secret: whoever has it can post. Errors therefore name its host alone, and
hide the error that they follow from, since its message and its traceback hold the URL.
"""

import asyncio
from dataclasses import asdict

from hn_assets.alerts.alert import Alert
from hn_assets.errors import AlertNotSentError, AlertRefusedError
from hn_assets.urls import host_of

# what a server answers if it can do nothing with this one alert
REFUSALS = {400, 413, 422}


def post(alert: Alert, url: str, seconds: float) -> None:
    """Post an alert as JSON.

    Args:
        alert: The alert.
        url: The URL of the webhook.
        seconds: How long all of it may take, looking up the name of the host included.

    Raises:
        AlertNotSentError: The server could not be reached, did not answer in time, or does not take
            alerts at the moment.
        AlertRefusedError: The server will never take this alert.
    """
    import aiohttp

    host = host_of(url)
    loop = asyncio.new_event_loop()
    try:
        answer = asyncio.wait_for(_post(url, {"text": alert.text, **asdict(alert)}), seconds)
        status = loop.run_until_complete(answer)
    except (asyncio.TimeoutError, TimeoutError):
        raise AlertNotSentError(
            f"the webhook at {host} did not answer within {seconds:.1f} seconds"
        ) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise AlertNotSentError(f"the webhook at {host} cannot be reached: {reason}") from None
    finally:
        # the thread that looks up a name is not waited for
        loop.close()
    if status in REFUSALS:
        raise AlertRefusedError(f"the webhook at {host} refuses the alert with status {status}")
    if not 200 <= status < 300:
        raise AlertNotSentError(f"the webhook at {host} answers with status {status}")


async def _post(url: str, body: dict[str, object]) -> int:
    import aiohttp

    async with (
        aiohttp.ClientSession(trust_env=True) as session,  # proxies of the environment
        # a redirected POST would become a GET without the alert
        session.post(url, json=body, allow_redirects=False) as answer,
    ):
        return answer.status
