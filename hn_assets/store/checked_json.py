"""Small JSON files that hold their own checksum, read against a declared shape.

Whatever bytes a file holds, it is read as it was written or refused with one kind of error, so that
a damaged file can be told from a missing one and made again.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

CHECKSUM = "checksum"

T = TypeVar("T")


def with_checksum(content: Mapping[str, Any]) -> str:
    """Write an object as JSON that ends with its own checksum.

    >>> with_checksum({"rows": 3})[:24]
    '{"rows": 3, "checksum": '
    """
    described = json.dumps(content, sort_keys=True).encode()
    return json.dumps({**content, CHECKSUM: hashlib.sha256(described).hexdigest()})


def checked_json(content: bytes, shape: type[T], *, checksum_required: bool = True) -> T:
    """Read what `with_checksum` wrote.

    Args:
        content: The bytes of the file.
        shape: What the object must be: a class that pydantic can validate, such as a dataclass.
        checksum_required: Whether an object without a checksum is refused. Stores of earlier
            versions hold notes without one.

    Raises:
        ValueError: The bytes are not UTF-8 or not JSON, were changed since they were written, or
            are of another shape. The message is one line.
    """
    try:
        value = json.loads(content.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    if checksum_required or CHECKSUM in value:
        value.pop(CHECKSUM, None)
        # the bytes are compared, since JSON has several ways to write one value
        if with_checksum(value).encode() != content:
            raise ValueError("its checksum is wrong")
    try:
        return _validator(shape).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the object"
        raise ValueError(f"{place!r}: {first['msg']}") from None


@cache
def _validator(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
