"""The proxy does what it is told, or the campaign would break nothing."""

import socket
import struct

import pytest

from ops.ports import free_ports
from tests.support.proxy import Proxy, Requests


@pytest.fixture
def through():
    """The proxy, and who listens behind it."""
    port, target = free_ports(2)
    with socket.create_server(("127.0.0.1", target)) as server:
        server.settimeout(10)
        proxy = Proxy(port, target)
        yield proxy, server
        proxy.close()


def connected(through):
    proxy, server = through
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    behind, _ = server.accept()
    behind.settimeout(10)
    return client, behind


def request(kind, size=10):
    return struct.pack(">iH", size + 2, kind) + b"x" * size


def test_bytes_go_through_both_ways(through):
    client, behind = connected(through)
    client.sendall(b"there")
    assert b"there" == behind.recv(10)
    behind.sendall(b"back")
    assert b"back" == client.recv(10)


def test_a_cut_resets_and_refuses_until_it_is_healed(through):
    proxy, _ = through
    client, _ = connected(through)
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionResetError):  # which may come before or after the client sees that it is connected
        socket.create_connection(("127.0.0.1", proxy.port), timeout=10).recv(1)
    proxy.heal()
    client, behind = connected(through)
    client.sendall(b"there")
    assert b"there" == behind.recv(10)


def test_while_it_stalls_nothing_goes_through_and_nothing_is_lost(through):
    proxy, _ = through
    client, behind = connected(through)
    proxy.stall()
    client.sendall(b"there")
    behind.settimeout(0.2)
    with pytest.raises(TimeoutError):
        behind.recv(10)
    proxy.heal()
    behind.settimeout(10)
    assert b"there" == behind.recv(10)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_is_reset_at_its_commit(through, when):
    proxy, _ = through
    client, behind = connected(through)
    proxy.reset_at_commit(when)
    client.sendall(request(0))
    assert request(0) == behind.recv(100)
    client.sendall(request(26))
    if when == "after":
        assert request(26) == behind.recv(100)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionResetError):
        behind.recv(1)
    assert 1 == proxy.resets


def test_requests_are_told_apart_however_the_stream_is_cut():
    stream = request(3, 0) + request(26, 100) + request(0, 1) + request(22, 7)
    for size in (1, 2, 5, 7, 50, 1000):
        requests, found = Requests(), set()
        for at in range(0, len(stream), size):
            found |= requests.seen(stream[at : at + size])
        assert {3, 26, 0, 22} == found
