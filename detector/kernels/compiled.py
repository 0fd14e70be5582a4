"""Compiling kernels with numba: without the GIL, and kept on disk wherever that is possible.

A file system that cannot be written to costs nothing but the compilation at start: numba by itself would raise.
Compiled code is looked up in ``NUMBA_CACHE_DIR``, beside the source, then in the user's cache folder. A folder that
was filled when an image was built is used even where it can only be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numba
from numba.core import caching

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile ``function`` when it is first called. Calls are exact: no fast-math, so no row changes another's sums."""
    return _compile(function, {})


def njit(*, nogil: bool, cache: bool, **options: Any) -> Callable[[Kernel], Kernel]:
    """Give :func:`compiled` under numba's own name, with further options of numba's, such as ``error_model``."""
    if not (nogil and cache):
        raise ValueError("kernels are compiled without the GIL and cached")
    return lambda function: _compile(function, options)


def _compile(function: Kernel, options: dict[str, Any]) -> Kernel:
    dispatcher: Any
    try:
        dispatcher = numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # no folder that numba can write to
        dispatcher = numba.njit(nogil=True, **options)(function)
        dispatcher._cache = _read_only_cache(function)  # noqa: SLF001 - what cache=True does, less the writing
    kernel: Kernel = dispatcher
    return kernel


def _readable(locator: type[Any]) -> type[Any]:
    """Make a locator that takes a folder which it cannot write to."""
    return type(locator.__name__, (locator,), {"ensure_cache_path": lambda _: None})


class _ReadOnlyImplementation(caching.CompileResultCacheImpl):
    _locator_classes: ClassVar[list[type[object]]] = [  # type: ignore[misc]
        _readable(caching.UserProvidedCacheLocator),
        _readable(caching.InTreeCacheLocator),
    ]


class _ReadOnlyCache(caching.FunctionCache):
    """Loads what is there and saves nothing."""

    _impl_class = _ReadOnlyImplementation

    def save_overload(self, sig: object, data: object) -> None:
        """Keep the compiled code in memory only."""


def _read_only_cache(function: Callable[..., Any]) -> Any:
    make: Any = _ReadOnlyCache
    return make(function)
