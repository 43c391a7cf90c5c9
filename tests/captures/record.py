#!/usr/bin/env python3
"""Records office.pcap anew: real clients and servers in network namespaces of this machine.

Six clients (10.20.0.11-16, fd20::11-16) sit behind a router and use servers outside
(198.51.100.10-12 and 203.0.113.20, 2001:db8:100::10-12): HTTP, HTTPS (under names of well-known services as well), DNS
over UDP and TCP, mail, voice over RTP, SSH, ICMP and ICMPv6, DHCP broadcasts, UDP broadcasts, ARP and neighbour discovery, a closed port.
tcpdump listens where a mirror port would: at the router's inner port.

Run as root: python3 tests/captures/record.py [SECONDS] [FILE]
Needs: iproute2, tcpdump, curl, dnsmasq-base, bind9-dnsutils, openssh-server, iputils-ping, udhcpc, socat, openssl.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = [11, 12, 13, 14, 15, 16]
SERVERS = {"web": ("198.51.100.10", "2001:db8:100::10"), "dns": ("198.51.100.11", "2001:db8:100::11"),
           "ssh": ("198.51.100.12", "2001:db8:100::12"), "cdn": ("203.0.113.20", "2001:db8:200::20")}
NEEDED = ["ip", "tcpdump", "curl", "dnsmasq", "dig", "ssh", "ping", "udhcpc", "socat", "openssl", "tc"]
PREFIX = "swrec-"
# Names that clients ask the content server for: what is known by its name alone.
SERVICES = ["short.weixin.qq.com", "www.dingtalk.com", "www.feishu.cn", "meeting.tencent.com", "teams.microsoft.com"]
started = []


def run(*args, check=True, **kwargs):
    return subprocess.run(list(args), check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def inside(name, *args):
    return ["ip", "netns", "exec", PREFIX + name, *args]


def serve(name, *args):
    process = subprocess.Popen(inside(name, *args), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started.append(process)
    return process


def cable(a, a_port, b, b_port, a_mac, b_mac):
    ip("link", "add", a_port, "netns", PREFIX + a, "address", a_mac, "type", "veth",
       "peer", "name", b_port, "netns", PREFIX + b, "address", b_mac)
    for name, port in ((a, a_port), (b, b_port)):
        ip("-n", PREFIX + name, "link", "set", port, "up")
        # What a wire carries: no offloaded giants, finished checksums.
        run(*inside(name, "ethtool", "-K", port, "tso", "off", "gso", "off", "gro", "off", "tx", "off"), check=False)


def build():
    names = ["router", "switch", "outside"] + [f"c{n}" for n in CLIENTS] + list(SERVERS)
    for name in names:
        ip("netns", "add", PREFIX + name)
        ip("-n", PREFIX + name, "link", "set", "lo", "up")
        run(*inside(name, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"))
    for switch in ("switch", "outside"):
        ip("-n", PREFIX + switch, "link", "add", "br0", "type", "bridge")
        ip("-n", PREFIX + switch, "link", "set", "br0", "up")
    cable("router", "lan", "switch", "uplink", "52:54:00:20:00:01", "52:54:00:20:ff:01")
    cable("router", "wan", "outside", "uplink", "52:54:00:98:00:01", "52:54:00:98:ff:01")
    for switch in ("switch", "outside"):
        ip("-n", PREFIX + switch, "link", "set", "uplink", "master", "br0")
    run(*inside("router", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"))
    for address in ("10.20.0.1/24", "fd20::1/64"):
        ip("-n", PREFIX + "router", "addr", "add", address, "dev", "lan", *(["nodad"] if ":" in address else []))
    for address in ("198.51.100.1/24", "203.0.113.1/24", "2001:db8:100::1/64", "2001:db8:200::1/64"):
        ip("-n", PREFIX + "router", "addr", "add", address, "dev", "wan", *(["nodad"] if ":" in address else []))
    for n in CLIENTS:
        host = f"c{n}"
        cable(host, "eth0", "switch", f"p{n}", f"52:54:00:20:00:{n:02x}", f"52:54:00:20:ff:{n:02x}")
        ip("-n", PREFIX + "switch", "link", "set", f"p{n}", "master", "br0")
        ip("-n", PREFIX + host, "addr", "add", f"10.20.0.{n}/24", "broadcast", "10.20.0.255", "dev", "eth0")
        ip("-n", PREFIX + host, "addr", "add", f"fd20::{n}/64", "dev", "eth0", "nodad")
        ip("-n", PREFIX + host, "route", "add", "default", "via", "10.20.0.1")
        ip("-n", PREFIX + host, "route", "add", "default", "via", "fd20::1")
    for index, (host, (v4, v6)) in enumerate(SERVERS.items()):
        cable(host, "eth0", "outside", f"s{index}", f"52:54:00:98:00:{index + 16:02x}", f"52:54:00:98:ff:{index + 16:02x}")
        ip("-n", PREFIX + "outside", "link", "set", f"s{index}", "master", "br0")
        ip("-n", PREFIX + host, "addr", "add", v4 + "/24", "dev", "eth0")
        ip("-n", PREFIX + host, "addr", "add", v6 + "/64", "dev", "eth0", "nodad")
        ip("-n", PREFIX + host, "route", "add", "default", "via", v4.rsplit(".", 1)[0] + ".1")
        ip("-n", PREFIX + host, "route", "add", "default", "via", v6.split("::")[0] + "::1")
        # Distance, where the kernel has netem; without it the round trips are short, and no more.
        run(*inside(host, "tc", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", f"{4 + 7 * index}ms", "1ms", "loss", "0.2%"),
            check=False)


def start_servers(work):
    files = os.path.join(work, "www")
    os.mkdir(files)
    for name, size in (("index.html", 4_000), ("logo.png", 18_000), ("report.pdf", 50_000), ("update.bin", 160_000)):
        with open(os.path.join(files, name), "wb") as out:
            out.write(random.Random(name).randbytes(size))
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=www.example.com", "-keyout", f"{work}/key.pem", "-out", f"{work}/cert.pem")
    for host in ("web", "cdn"):
        serve(host, "python3", "-m", "http.server", "80", "--bind", "::", "--directory", files)
        serve(host, "python3", os.path.join(HERE, "https_server.py"), files, f"{work}/cert.pem", f"{work}/key.pem")
    records = []
    hosts = [("www.example.com", "web"), ("cdn.example.net", "cdn"), ("files.example.org", "ssh"), ("mail.example.com", "ssh")]
    for name, host in hosts + [(name, "cdn") for name in SERVICES]:
        records += [f"--host-record={name},{SERVERS[host][0]},{SERVERS[host][1]}"]
    serve("dns", "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=", "--conf-file=/dev/null",
          "--local=/example.com/", *records)
    serve("router", "dnsmasq", "--keep-in-foreground", "--port=0", "--user=root", "--pid-file=", "--conf-file=/dev/null",
          "--interface=lan", "--dhcp-range=10.20.0.100,10.20.0.120,1h", f"--dhcp-leasefile={work}/leases", "--dhcp-authoritative")
    serve("ssh", "python3", os.path.join(HERE, "mail_server.py"))
    with open(f"{work}/letter.eml", "w") as letter:
        letter.write("Subject: figures of the week\n\n" + "All is well at the office.\n" * 40)
    os.mkdir(f"{work}/ssh")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{work}/ssh/host")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{work}/ssh/user")
    shutil.copy(f"{work}/ssh/user.pub", f"{work}/ssh/authorized")
    os.makedirs("/run/sshd", exist_ok=True)
    serve("ssh", "/usr/sbin/sshd", "-D", "-f", "/dev/null", "-h", f"{work}/ssh/host", "-o", "StrictModes=no", "-o", "UsePAM=no",
          "-o", f"AuthorizedKeysFile={work}/ssh/authorized", "-o", "PermitRootLogin=prohibit-password", "-o", "PidFile=none")


def resolve(host, name, kind, tcp=False):
    run(*inside(host, "dig", f"@{SERVERS['dns'][0]}", name, kind, "+tries=1", "+time=2", *(["+tcp"] if tcp else [])), check=False)


def fetch(host, url, name, address):
    run(*inside(host, "curl", "-sk", "-m", "20", "-o", "/dev/null", "--connect-to", f"{name}::{address}:", url), check=False)


def client(n, work, until, dice):
    host = f"c{n}"
    ssh = ["ssh", "-q", "-i", f"{work}/ssh/user", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]
    while time.monotonic() < until:
        what = dice.choices(["http", "https", "https6", "service", "missing", "dns", "nx", "mail", "ssh", "ping", "ping6",
                             "broadcast", "closed", "dhcp"],
                            [5, 6, 3, 4, 1, 3, 1, 1.5, 1, 2, 1, 1, 0.5, 0.5])[0]
        page = dice.choices(["index.html", "logo.png", "report.pdf", "update.bin"], [6, 4, 2, 0.5])[0]
        if what == "http":
            resolve(host, "www.example.com", "A")
            fetch(host, f"http://www.example.com/{page}", "www.example.com", SERVERS["web"][0])
        elif what == "https":
            resolve(host, "cdn.example.net", "A")
            fetch(host, f"https://cdn.example.net/{page}", "cdn.example.net", SERVERS["cdn"][0])
        elif what == "https6":
            resolve(host, "www.example.com", "AAAA")
            fetch(host, f"https://www.example.com/{page}", "www.example.com", f"[{SERVERS['web'][1]}]")
        elif what == "service":
            name = dice.choice(SERVICES)
            resolve(host, name, "A")
            fetch(host, f"https://{name}/{page}", name, SERVERS["cdn"][0])
        elif what == "missing":
            fetch(host, f"http://www.example.com/no-such-page-{dice.randrange(9)}?from=office", "www.example.com", SERVERS["web"][0])
        elif what == "mail":
            resolve(host, "mail.example.com", "A")
            to = dice.choice(["sales@example.com", "ops@example.com", "nobody@example.com"])
            run(*inside(host, "curl", "-s", "-m", "10", "--crlf", "-T", f"{work}/letter.eml", "--mail-from", f"c{n}@office.example",
                        "--mail-rcpt", to, f"smtp://{SERVERS['ssh'][0]}/{host}.office.example"), check=False)
        elif what == "dns":
            resolve(host, "files.example.org", dice.choice(["A", "AAAA", "MX"]), tcp=dice.random() < 0.3)
        elif what == "nx":
            resolve(host, f"no-such-{dice.randrange(99)}.example.com", "A")
        elif what == "ssh":
            run(*inside(host, *ssh, f"root@{SERVERS['ssh'][0]}", "head -c 12000 /dev/zero | od"), check=False)
        elif what == "ping":
            run(*inside(host, "ping", "-c", "3", "-i", "0.3", SERVERS[dice.choice(list(SERVERS))][0]), check=False)
        elif what == "ping6":
            run(*inside(host, "ping", "-c", "3", "-i", "0.3", SERVERS["web"][1]), check=False)
        elif what == "broadcast":
            run(*inside(host, "sh", "-c", f"echo hello from {host} | socat - udp-datagram:10.20.0.255:9999,broadcast"), check=False)
        elif what == "closed":
            run(*inside(host, "curl", "-s", "-m", "3", f"http://{SERVERS['web'][0]}:8081/"), check=False)
        elif what == "dhcp":
            run(*inside(host, "udhcpc", "-i", "eth0", "-n", "-q", "-t", "2", "-T", "1", "-s", "/bin/true"), check=False)
        time.sleep(dice.uniform(0.2, 1.2))


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    target = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else os.path.join(HERE, "office.pcap"))
    missing = [name for name in NEEDED if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        sys.exit(f"record.py: run as root, with these programs installed: {', '.join(missing or NEEDED)}")
    work = tempfile.mkdtemp(prefix="spanwatch-record-")
    os.chmod(work, 0o755)
    try:
        build()
        start_servers(work)
        time.sleep(2)
        dump = serve("router", "tcpdump", "-i", "lan", "-w", target, "-U", "-Z", "root", "-B", "16384")
        time.sleep(1)
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=client, args=(n, work, until, random.Random(n))) for n in CLIENTS]
        for thread in threads:
            thread.start()
        # A call between a client and a server outside, of which one packet in fifty is lost on its way to the mirror.
        voice, call = os.path.join(HERE, "voice.py"), str(seconds / 2)
        serve("c13", "python3", voice, "10.20.0.13", SERVERS["web"][0], "40000", call)
        serve("web", "python3", voice, SERVERS["web"][0], "10.20.0.13", "40000", call, "50")
        for thread in threads:
            thread.join()
        time.sleep(1)
        dump.send_signal(signal.SIGINT)
        dump.wait(10)
        print(f"recorded {target}: {os.path.getsize(target):,} octets")
    finally:
        for process in started:
            process.terminate()
        for name in ["router", "switch", "outside"] + [f"c{n}" for n in CLIENTS] + list(SERVERS):
            run("ip", "netns", "del", PREFIX + name, check=False)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
