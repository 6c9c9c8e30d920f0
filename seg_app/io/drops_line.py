"""The connections to a Drops server: of an answer that has begun, the rest is expected soon."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from seg_app.io.patience import STALLED_S


class ExpectingAdapter(HTTPAdapter):
    """Waits for an answer as long as it is told, and then for each part of it as long as a server that lives may take.

    requests has one time for both. A slow line is waited for: something comes of it again and again.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the connections to servers."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return what makes connections by way of a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager


class _Expecting(HTTPConnection):
    def getresponse(self) -> HTTPResponse:
        line = self.sock  # of an answer that is the last one, the connection forgets it
        answer = super().getresponse()
        line.settimeout(min(STALLED_S, line.gettimeout() or STALLED_S))
        return answer


class _ExpectingSafely(_Expecting, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Expecting  # type: ignore[assignment]


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _ExpectingSafely  # type: ignore[assignment]


POOLS = {"http": _Pool, "https": _SafePool}
