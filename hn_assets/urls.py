"""What of a URL may be shown: credentials in it must stand in no error, log or database."""

import re
from urllib.parse import SplitResult, urlsplit

# of Azure: `abfs://container@account.dfs.core.windows.net/path`
_WITH_CONTAINER = ("abfs", "abfss", "wasb", "wasbs")
UNREADABLE = "an address that cannot be read"


def host_of(url: str) -> str:
    """The host of a URL with its port, which is all that is shown of a secret address.

    >>> host_of("https://hooks.example.org/services/T0/B1/secret")
    'hooks.example.org'
    """
    parts = _split(url)
    if parts is None or not parts.hostname:
        return UNREADABLE
    try:
        return parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    except ValueError:  # what stands in place of the port is no number
        return UNREADABLE


def without_credentials(url: str) -> str:
    """A URL without user, password and query, which may hold a token.

    >>> without_credentials("s3://key:secret@bucket/assets")
    's3://bucket/assets'
    >>> without_credentials("abfs://container@account.dfs.core.windows.net/assets?sig=secret")
    'abfs://container@account.dfs.core.windows.net/assets'
    """
    parts = _split(url)
    if parts is None:
        return UNREADABLE
    secret = f"{_user_of(parts)}@" if _user_of(parts) else ""
    return f"{parts.scheme}://{parts.netloc.removeprefix(secret).removeprefix('@')}{parts.path}"


def hide_credentials(text: str, url: str) -> str:
    """A text in which nothing is left of the user, the password and the query of a URL.

    >>> hide_credentials("no bucket key:secret@bucket", "s3://key:secret@bucket/assets")
    'no bucket ***@bucket'
    """
    parts = _split(url)
    if parts is None:
        return text.replace(url, UNREADABLE)
    user = _user_of(parts)
    secrets = [user, *user.split(":"), parts.query, parts.fragment]
    found = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, found)), "***", text) if found else text


def has_credentials(url: str) -> bool:
    """Whether a URL holds anything that `without_credentials` leaves out."""
    return without_credentials(url) != url


def _user_of(parts: SplitResult) -> str:
    """User and password of a URL; "" for the container that stands there in a URL of Azure."""
    user = parts.netloc.rpartition("@")[0]
    return "" if parts.scheme in _WITH_CONTAINER and ":" not in user else user


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
