#!/usr/bin/env python3
"""Runs supervisor, collector, analyzer, hwmon and console on this machine, with a capture replayed into a port that
exists only for it, so that the browser's test and work on the pages need no virtual machine.

    tests/browser/desk.py PROGRAMS CAPTURE [COMMAND...]

PROGRAMS is the folder of the built programs. It prints the console's address and the setup code, and then runs
COMMAND with SPANWATCH_URL and SPANWATCH_SETUP_CODE set, or waits for Ctrl-C. Needs root: it makes a network namespace.

Where softflowd, snmpd, logger and snmptrap are installed they play an exporter of the address SPANWATCH_EXPORTER, whose
agent listens on SPANWATCH_SNMP_PORT; it has to be registered in the console before anything of it is received.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request


def frames(path):
    """(seconds since the first, frame) of a classic little-endian pcap of Ethernet."""
    with open(path, "rb") as file:
        magic, = struct.unpack("<I", file.read(24)[:4])
        scale = {0xA1B2C3D4: 1e6, 0xA1B23C4D: 1e9}[magic]
        first, out = None, []
        while len(head := file.read(16)) == 16:
            seconds, part, length, _ = struct.unpack("<IIII", head)
            at = seconds + part / scale
            first = at if first is None else first
            out.append((at - first, file.read(length)))
    return out


def replay(path, port):
    """Sends a capture into `port` at its own speed, again and again."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((port, 0))
    while True:
        began = time.monotonic()
        for at, frame in frames(path):
            time.sleep(max(0, began + at - time.monotonic()))
            try:
                out.send(frame)
            except OSError:
                # longer than the port's MTU
                pass


EXPORTER, SNMP_PORT = "192.0.2.1", 1161
SNMPD = """rocommunity lab-public
createUser labuser SHA-256 lab-auth-pass AES lab-priv-pass
rouser labuser priv
sysName lab-router
sysLocation rack 7
"""


def exporter(base):
    """The commands of an exporter in the namespace; none of them where one is not installed."""
    if not all(map(shutil.which, ("softflowd", "snmpd", "logger", "snmptrap"))):
        return []
    with open(f"{base}/snmpd.conf", "w") as file:
        file.write(SNMPD)
    timeouts = [word for name in ("tcp=20", "udp=10", "general=10", "maxlife=20", "expint=5") for word in ("-t", name)]
    talk = (f"n=0; while sleep 2; do n=$((n+1)); logger -d -n {EXPORTER} -P 514 -t spanlab -p local4.warning --rfc3164 "
            f"link lab-uplink changed state to down $n; "
            f"snmptrap -v 2c -c lab-public {EXPORTER}:162 '' 1.3.6.1.6.3.1.1.5.3 1.3.6.1.2.1.2.2.1.1.3 i 3; done")
    return [
        ["softflowd", "-d", "-v", "9", "-i", "feed", "-n", f"{EXPORTER}:2055", *timeouts,
         "-p", f"{base}/softflowd.pid", "-c", f"{base}/softflowd.ctl"],
        ["env", f"SNMP_PERSISTENT_DIR={base}", "snmpd", "-f", "-Lo", "-C", "-I", "-smux", "-c", f"{base}/snmpd.conf",
         "-p", f"{base}/snmpd.pid", f"udp:{EXPORTER}:{SNMP_PORT}"],
        ["sh", "-c", talk],
    ]


def follow(stored, told, process):
    """Hands the supervisor's settings on to the collector whenever they changed: here it cannot ask for them, since its
    port is not one of this machine's."""
    seen = None
    while process.poll() is None:
        time.sleep(0.5)
        now = os.stat(stored).st_mtime_ns if os.path.exists(stored) else None
        if now != seen:
            shutil.copy(stored, told)
            process.send_signal(signal.SIGHUP)
        seen = now


def ask(run, service, call):
    """One request to a service's socket."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(f"{run}/{service}/api.sock")
        body = json.dumps({"call": call, "args": {}}).encode()
        peer.sendall(struct.pack(">I", len(body)) + body)
        length, = struct.unpack(">I", peer.recv(4, socket.MSG_WAITALL))
        return json.loads(peer.recv(length, socket.MSG_WAITALL))["ok"]


def free_port():
    """A TCP port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, attempt, seconds=30):
    """Tries again until it works."""
    end = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except (OSError, KeyError) as error:
            if time.monotonic() > end:
                sys.exit(f"{what} did not come up: {error}")
            time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs")
    parser.add_argument("capture")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    base = tempfile.mkdtemp(prefix="spanwatch-desk.")
    data, run, namespace = f"{base}/data", f"{base}/run", f"desk{os.getpid()}"
    started = []

    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    def start(name, *words, inside=False):
        os.makedirs(f"{data}/{name}", exist_ok=True)
        os.makedirs(f"{run}/{name}", exist_ok=True)
        command = [os.path.join(args.programs, name), *words]
        if inside:
            command = ["ip", "netns", "exec", namespace, *command]
        started.append(subprocess.Popen(command, stdout=sys.stderr))
        return started[-1]

    try:
        ip("netns", "add", namespace)
        ip("-n", namespace, "link", "add", "feed", "mtu", "9000", "type", "veth", "peer", "name", "span0", "mtu", "9000")
        for port in ("feed", "span0"):
            subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-qw", f"net.ipv6.conf.{port}.disable_ipv6=1"], check=True)
            ip("-n", namespace, "link", "set", port, "up")
        ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", namespace, "addr", "add", f"{EXPORTER}/32", "dev", "lo")
        start("supervisor", "--data", data, "--run", run, "--detached")
        settings = f"{base}/settings.json"
        with open(settings, "w") as file:
            json.dump(until("the supervisor", lambda: ask(run, "supervisor", "settings"))["settings"], file)
        start("analyzer", "--data", f"{data}/analyzer", "--run-dir", run)
        collector = start("collector", "--data", f"{data}/collector", "--run-dir", run, "--interface", "span0",
                          "--settings", settings, inside=True)
        threading.Thread(target=follow, args=(f"{data}/settings/settings.json", settings, collector), daemon=True).start()
        board = os.path.join(os.path.dirname(__file__), "../../board/x86_64/board.toml")
        sysfs = os.environ.get("SPANWATCH_SYSFS", "/sys")
        os.makedirs(f"{data}/hwmon", exist_ok=True)
        start("hwmon", "--daemon", "--data", f"{data}/hwmon", "--run-dir", run, "--board", board, "--sysfs", sysfs)
        https, http = free_port(), free_port()
        start("console", "--data", f"{data}/console", "--run-dir", run,
              "--listen-https", f"127.0.0.1:{https}", "--listen-http", f"127.0.0.1:{http}")
        code = until("the supervisor", lambda: ask(run, "supervisor", "setup_code"))["code"]
        url = f"https://127.0.0.1:{https}"
        trust = ssl._create_unverified_context()
        until("the console", lambda: urllib.request.urlopen(f"{url}/readyz", context=trust).read())
        again = ["ip", "netns", "exec", namespace, sys.executable, __file__, "--replay", args.capture, "feed"]
        started.append(subprocess.Popen(again))
        played = exporter(base)
        for command in played:
            command = ["ip", "netns", "exec", namespace, *command]
            started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        print(f"console {url}\nsetup code {code}\nsockets {run}\nprocesses {[p.pid for p in started]}", flush=True)
        if args.command:
            env = dict(os.environ, SPANWATCH_URL=url, SPANWATCH_SETUP_CODE=code)
            if played:
                env.update(SPANWATCH_EXPORTER=EXPORTER, SPANWATCH_SNMP_PORT=str(SNMP_PORT))
            sys.exit(subprocess.run(args.command, env=env).returncode)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        subprocess.run(["ip", "netns", "del", namespace], check=False)
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--replay"]:
        replay(*sys.argv[2:])
    else:
        main()
