"""Probes that reach somebody: sockets of the host, the machines beyond it, and the kernel's odder ways.

No probe sends a packet to another machine, wherever it runs: that there is a way out is seen by connecting a UDP
socket, which asks the kernel for a route and sends nothing.
"""

from __future__ import annotations

from tests.attack.probe import Bare, Probe, reached

_NAMESPACE = "a network namespace with a loopback of its own"
_FILTER = "the system call filter knows three socket families"
_ROUTE = """
def route(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.connect((address, 53))
        return address + " from " + s.getsockname()[0]
control(route, socket.AF_INET, "127.0.0.1")
"""
_TELL = """
def tell(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(5)
        s.connect(address)
        s.send(G["hello"].encode())
        return address
"""


_OWN = """
def own():
    with socket.socket(socket.AF_UNIX) as own:
        own.bind("own.sock")
        own.listen()
        return tell(socket.AF_UNIX, socket.SOCK_STREAM, "own.sock")
control(own)
"""


def _path(place: str) -> str:
    return f"{_TELL}\nattempt(tell, socket.AF_UNIX, socket.SOCK_STREAM, G['paths'].get({place!r}, '/nowhere'))"


def _family(*families: int) -> str:
    return f"""
for family in {families}:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        attempt(lambda: socket.socket(family, kind).close() or f"family {{family}}")
control(lambda: socket.socket(socket.AF_UNIX).close())
"""


PROBES = (
    Probe(
        "network: TCP to the host",
        "connect to a service on the host's loopback",
        f'{_TELL}\nattempt(tell, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", G["ports"]["tcp"]))',
        _NAMESPACE,
        reached("tcp"),
        weak="the network",
    ),
    Probe(
        "network: TCP to the host by IPv6",
        "connect to a service on the host's IPv6 loopback",
        f'{_TELL}\nattempt(tell, socket.AF_INET6, socket.SOCK_STREAM, ("::1", G["ports"].get("tcp6", 9)))',
        _NAMESPACE,
        reached("tcp6"),
        bare=Bare.DEPENDS,
        weak="the network",
    ),
    Probe(
        "network: other names of the loopback",
        "connect to the host's service as 0.0.0.0 and ::ffff:127.0.0.1",
        f"""{_TELL}
for family, address in ((2, "0.0.0.0"), (10, "::ffff:127.0.0.1")):
    attempt(tell, family, socket.SOCK_STREAM, (address, G["ports"]["tcp"]))
""",
        _NAMESPACE,
        reached("tcp"),
        weak="the network",
    ),
    Probe(
        "network: UDP to the host",
        "send a datagram to the host's loopback",
        f'{_TELL}\nattempt(tell, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", G["ports"]["udp"]))',
        _NAMESPACE,
        reached("udp"),
        weak="the network",
    ),
    Probe(
        "network: abstract sockets",
        "connect to an abstract socket of the host, as D-Bus and X11 have them",
        f'{_TELL}\nattempt(tell, socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + G["mark"])',
        _NAMESPACE,
        reached("abstract"),
        weak="the network",
    ),
    Probe(
        "network: abstract datagram sockets",
        "send to an abstract datagram socket of the host",
        f'{_TELL}\nattempt(tell, socket.AF_UNIX, socket.SOCK_DGRAM, "\\0" + G["mark"] + "-datagram")',
        _NAMESPACE,
        reached("abstract datagram"),
        weak="the network",
    ),
    Probe(
        "network: agent in /tmp",
        "talk to a socket in the host's /tmp, where the SSH agent has its own",
        _path("tmp"),
        "each box has a /tmp of its own",
        reached("tmp"),
        weak="the host's /tmp",
    ),
    Probe(
        "network: agent in the home",
        "talk to a socket in the home, where the GPG agent has its own",
        _path("home"),
        "nothing of the home is bound",
        reached("home"),
    ),
    Probe(
        "network: services in /run",
        "talk to a socket in /run or /run/user, where Docker, D-Bus and systemd have theirs",
        _path("run") + _OWN,
        "an empty /run",
        reached("run"),
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: sockets through /proc",
        "talk to a socket of the host by way of a process's root and folder",
        f"""{_TELL}
os.chdir("/")
for name in os.listdir("/proc"):
    if name.isdecimal():
        for path in (f"/proc/{{name}}/root" + G["paths"]["folder"], f"/proc/{{name}}/cwd/agent.sock"):
            attempt(tell, socket.AF_UNIX, socket.SOCK_STREAM, path)
""",
        "a process namespace; in it, process 1 sees what the box sees",
        reached("folder"),
    ),
    Probe(
        "network: the agent's variables",
        "find the sockets of the SSH agent, D-Bus or Docker by their environment variables",
        """
print("CONTROL", os.environ["HOME"])
for name in ("SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "XDG_RUNTIME_DIR", "DISPLAY"):
    if name in os.environ:
        print("OPEN", name, os.environ[name])
""",
        "an environment of our making",
        bare=Bare.STOPPED,
        inside=True,
    ),
    Probe(
        "network: the internet",
        "find a route to an address outside",
        f'{_ROUTE}\nattempt(route, socket.AF_INET, "192.0.2.1")',
        _NAMESPACE,
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: the internet by IPv6",
        "find a route to an IPv6 address outside",
        f'{_ROUTE}\nattempt(route, socket.AF_INET6, "2001:db8::1")',
        _NAMESPACE,
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: cloud metadata",
        "find a route to 169.254.169.254 and to fd00:ec2::254",
        f"""{_ROUTE}
attempt(route, socket.AF_INET, "169.254.169.254")
attempt(route, socket.AF_INET6, "fd00:ec2::254")
""",
        _NAMESPACE,
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: DNS",
        "find a name server and a route to it",
        f"""{_ROUTE}
try:
    lines = open("/etc/resolv.conf").read().splitlines()
except OSError:
    lines = []
for server in [line.split()[1] for line in lines if line.startswith("nameserver")] + ["192.0.2.53"]:
    if not server.startswith("127."):
        attempt(route, socket.AF_INET6 if ":" in server else socket.AF_INET, server)
""",
        f"an empty resolv.conf; {_NAMESPACE}",
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: interfaces",
        "list interfaces other than a loopback, by name and by netlink",
        """
found = {line.split(":")[0].strip() for line in open("/proc/self/net/dev") if ":" in line}
try:
    found |= {name for _, name in socket.if_nameindex()}
except OSError as error:
    print("refused:", error.strerror)
print("CONTROL" if "lo" in found else "", sorted(found))
if found - {"lo"}:
    print("OPEN", sorted(found))
""",
        _NAMESPACE,
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: connections of the host",
        "see the host's open ports in /proc/net",
        """
port = f":{G['ports']['tcp']:04X} "
for name in ("tcp", "tcp6", "udp"):
    text = open(f"/proc/self/net/{name}").read() if os.path.exists(f"/proc/self/net/{name}") else ""
    if port in text:
        print("OPEN the host's port is listed")
if G["mark"] in open("/proc/self/net/unix").read():
    print("OPEN the host's sockets are listed")
""",
        _NAMESPACE,
        weak="the network",
    ),
    Probe(
        "network: raw IP",
        "make a raw socket (ICMP, or packets of its own making)",
        """
for kind in (socket.IPPROTO_ICMP, socket.IPPROTO_RAW):
    attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, kind).close() or kind)
""",
        "no capabilities",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "network: packets",
        "make an AF_PACKET socket, which sees the traffic of an interface",
        "attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close())",
        f"no capabilities; {_FILTER}",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "network: settings",
        "change the flags of an interface (to what they are)",
        """
def same_flags():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = fcntl.ioctl(s, 0x8913, struct.pack("16sH22x", b"lo", 0))
        print("CONTROL the flags can be read")
        return fcntl.ioctl(s, 0x8914, request) and "set"
attempt(same_flags)
""",
        "no capabilities",
        bare=Bare.AS_ROOT,
        inside=True,
    ),
    Probe(
        "network: tunnels",
        "open /dev/net/tun",
        """
for path in ("/dev/null", "/dev/net/tun"):
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        print("refused:", error.strerror)
    else:
        print("OPEN" if "tun" in path else "CONTROL", path)
""",
        "a /dev of its own",
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: netlink beyond routes",
        "make netlink sockets for events, audit, netfilter, crypto and generic families",
        """
for protocol in (4, 6, 9, 12, 15, 16, 20, 21):
    attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol).close() or protocol)
""",
        "the filter allows netlink for routes only",
        weak="the filter",
    ),
    Probe(
        "network: vsock",
        "make an AF_VSOCK socket, which reaches the hypervisor",
        _family(40),
        _FILTER,
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: kernel crypto",
        "make an AF_ALG socket, a large surface of the kernel",
        _family(38),
        _FILTER,
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "network: odd families",
        "make a socket of any other family (X.25, CAN, TIPC, Bluetooth, XDP, RDS, SMC, keys, …)",
        _family(*(number for number in range(3, 46) if number not in (10, 16, 38, 40))),
        _FILTER,
        bare=Bare.DEPENDS,
        inside=True,
    ),
)
