"""Row 19: reaching anybody over any kind of socket."""

import ctypes
import os
import socket

from attempt import LIBC, Attempt, any_works


class ConnectBySocket(Attempt):
    """Row 19: connect to somebody who listens on the loopback, by TCP."""

    def attempt(self, observation):
        return any_works(
            loopback=lambda: socket.create_connection(("127.0.0.1", self.facts["port"]), 1).close(),
            name=lambda: socket.create_connection(("localhost", self.facts["port"]), 1).close(),
        )


class SendDatagrams(Attempt):
    """Row 19: send by UDP, which Landlock does not cover, and a question to a name server."""

    def attempt(self, observation):
        def send(port):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                return sender.sendto(b"x", ("127.0.0.1", port))

        return any_works(datagram=lambda: send(self.facts["port"]), name_server=lambda: send(53))


class UseLocalSockets(Attempt):
    """Row 19: connect to a socket in the file system and to one without a file, and bind one."""

    def attempt(self, observation):
        def connect(address):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(address)

        def bind(address):
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(address)

        one, other = socket.socketpair()
        return any_works(
            path=lambda: connect(self.facts["local"]),
            abstract=lambda: connect("\0" + self.facts["abstract"]),
            bind=lambda: bind("\0arena-attack"),
            rebind=lambda: one.bind("\0arena-attack-too"),
            reconnect=lambda: other.connect(self.facts["local"]),
            datagram_pair=lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(
                b"x", self.facts["local"]
            ),
        )


class ListenOnLoopback(Attempt):
    """Row 19: wait for a controller of another episode to call."""

    def attempt(self, observation):
        def listen(family, address):
            with socket.socket(family) as server:
                server.bind(address)
                server.listen()

        return any_works(
            four=lambda: listen(socket.AF_INET, ("127.0.0.1", 0)),
            own=lambda: socket.socket(fileno=os.dup(3)).listen(),
        )


class MakeOtherSockets(Attempt):
    """Row 19: kinds of sockets that one forgets: routing, packets, the kernel's ciphers, virtual machines."""

    def attempt(self, observation):
        families = {"netlink": 16, "packet": 17, "cipher": 38, "machine": 40, "bluetooth": 31, "xdp": 44}
        return any_works(
            **{
                name: lambda family=family: socket.socket(family, socket.SOCK_RAW).close()
                for name, family in families.items()
            },
            cipher_by_name=lambda: socket.socket(38, socket.SOCK_SEQPACKET).close(),
            machine_by_stream=lambda: socket.socket(40, socket.SOCK_STREAM).close(),
        )


class SendOverOwnSocket(Attempt):
    """Row 19: send over the one socket there is to somebody else."""

    def attempt(self, observation):
        own = socket.socket(fileno=os.dup(3))
        address = ctypes.create_string_buffer(
            b"\x02\x00" + self.facts["port"].to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
        )

        def connect():
            if LIBC.connect(3, address, 16):
                raise OSError(ctypes.get_errno(), "")

        return any_works(connect=connect, send=lambda: own.sendto(b"", self.facts["local"]))


class AskForNames(Attempt):
    """Row 19: have a name looked up, which asks a server or a daemon."""

    def attempt(self, observation):
        return any_works(
            name=lambda: socket.getaddrinfo("example.org", 80),
            daemon=lambda: socket.socket(socket.AF_UNIX).connect("/run/systemd/resolve/io.systemd.Resolve"),
        )
