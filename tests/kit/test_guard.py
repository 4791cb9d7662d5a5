"""A test cannot reach the outside network, by accident or otherwise."""

from __future__ import annotations

import socket

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.invalid", 443), ("0.0.0.0", 80)])  # noqa: S104
@pytest.mark.parametrize("act", ["connect", "connect_ex"])
def test_the_outside_is_refused(address, act):
    with socket.socket() as caller, pytest.raises(RuntimeError, match="outside network"):
        getattr(caller, act)(address)


def test_the_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
