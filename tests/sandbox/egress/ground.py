"""A small internet on loopback for tests: an authority, servers with its certificates, and a proxy in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from midwatch.sandbox.egress.environment import BUNDLE
from midwatch.sandbox.egress.outside import Patience
from midwatch.sandbox.egress.rules import rules
from midwatch.sandbox.egress.serve import Proxy, Terms, start_proxy
from midwatch.sandbox.network import Decision, InjectedHeader, Network

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Authority:
    """An authority of the test's internet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test internet")])
        self._certificate = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None), None)
        self.file = folder / "internet.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, *names: str) -> ssl.SSLContext:
        """The server's side of TLS for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([])
        leaf = self._signed(subject, key, x509.BasicConstraints(ca=False, path_length=None), names)
        pem = self._folder / f"{names[0]}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def client(self) -> ssl.SSLContext:
        """The client's side of TLS for whoever trusts this authority."""
        return ssl.create_default_context(cafile=str(self.file))

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        basic: x509.BasicConstraints,
        names: Sequence[str] | None,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(basic, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if names is not None:
            listed = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(listed, critical=True).add_extension(issuer, critical=False)
        else:
            usage = x509.KeyUsage(
                digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
            )  # fmt: skip
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self._key, hashes.SHA256())


@dataclass
class Server:
    """A server on loopback, and what reached it."""

    port: int
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    """Heads of requests, with their empty line."""
    bodies: list[bytes] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    """Everything that came, from handlers that keep it."""


@contextlib.asynccontextmanager
async def serving(
    answer: Callable[[bytes, bytes], bytes | None], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server of HTTP/1.1: `answer` gets the head and body of a request and says the whole answer as it goes over the
    wire, or None to close. What it says with `Connection: close` ends the connection."""
    server = Server(0)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (head := await read_head(reader)) is not None:
            body = await read_body(head, reader)
            server.heads.append(head)
            server.bodies.append(body)
            said = answer(head, body)
            if said is None:
                return
            writer.write(said)
            await writer.drain()
            if b"connection: close" in said.lower():
                return

    async with raw_serving(handle, tls, server):
        yield server


@contextlib.asynccontextmanager
async def raw_serving(
    handle: Handler, tls: ssl.SSLContext | None = None, server: Server | None = None
) -> AsyncIterator[Server]:
    """A server that does with each connection what `handle` does."""
    made = server or Server(0)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            with contextlib.suppress(OSError):
                writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_head(reader: asyncio.StreamReader) -> bytes | None:
    """A head with its empty line; None at the end."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, OSError):
        return None


async def read_body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    """The body that a head announces."""
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    if fields.get(b"transfer-encoding") == b"chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return body
    return await reader.readexactly(int(fields.get(b"content-length", b"0")))


class Names:
    """A resolver that answers from a table, in turn where there are several answers, and counts."""

    def __init__(self, table: dict[str, list[list[str]]] | None = None) -> None:
        self.table = table or {}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self.table.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Way:
    """A proxy, what it decided, and clients of it."""

    proxy: Proxy
    port: int
    decisions: list[Decision]

    async def say(self, data: bytes, *, end: bool = False) -> bytes:
        """Send bytes as a box would; everything that comes back until the proxy closes (or until `end` was heard)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            if end:
                writer.write_eof()
            return await reader.read(-1)
        except OSError:
            return b"reset"
        finally:
            writer.close()

    @contextlib.asynccontextmanager
    async def tunnel(
        self, target: str, tls: ssl.SSLContext, name: str | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """TLS inside a tunnel, as clients make it. Raises ConnectionError with the proxy's answer when it refuses."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise ConnectionError((head + await reader.read(-1)).decode())
            await writer.start_tls(tls, server_hostname=name or target.partition(":")[0])
            yield reader, writer
        finally:
            writer.transport.abort()

    async def ask(self, target: str, tls: ssl.SSLContext, request: bytes) -> bytes:
        """One request in a tunnel; everything that comes back until the connection ends."""
        async with self.tunnel(target, tls) as (reader, writer):
            writer.write(request)
            return await reader.read(-1)

    async def told(self, count: int) -> None:
        """Wait until so many decisions were told."""
        while len(self.decisions) < count:
            await asyncio.sleep(0.005)

    @property
    def trusting(self) -> ssl.SSLContext:
        """The client's side of TLS for a program that was given the box's bundle."""
        return ssl.create_default_context(cadata=self.proxy.files[BUNDLE].decode())


@contextlib.asynccontextmanager
async def way_out(
    *entries: str,
    pinned: dict[str, str] | None = None,
    headers: Sequence[InjectedHeader] = (),
    terms: Terms | None = None,
) -> AsyncIterator[Way]:
    """A proxy on loopback for an allowlist."""
    decisions: list[Decision] = []
    network = Network(rules(entries), tuple(headers), decisions.append, pinned or {})
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    proxy = await start_proxy(listener, network, terms or Terms(resolve=Names(), proxies={}))
    try:
        yield Way(proxy, port, decisions)
    finally:
        await proxy.close()


def terms(table: dict[str, list[list[str]]] | None = None, patience: Patience | None = None, **proxies: str) -> Terms:
    """Terms with a table of names and proxies on the way."""
    return Terms(resolve=Names(table), proxies=proxies, patience=patience or Patience())


def ok(body: bytes, *fields: str) -> bytes:
    """A simple answer."""
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *fields, "", ""])
    return head.encode() + body
