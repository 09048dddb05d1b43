"""A task group's failure as the one error that caused it."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def first_error() -> Generator[None]:
    """Raise the first error of a task group that ends inside, instead of the group around it."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        raise error from group
