"""Sends a voice stream of G.711 over RTP and answers what comes: voice.py LOCAL REMOTE PORT SECONDS [LOSE].

Of every LOSE packets one is never sent, as if it had been lost on its way here."""

import os
import random
import socket
import struct
import sys
import time

local, remote, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
lose = int(sys.argv[5]) if len(sys.argv) > 5 else 0
talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
talk.bind((local, port))
dice = random.Random(port)
sequence, stamp, source = dice.randrange(1 << 16), dice.randrange(1 << 32), dice.randrange(1 << 32)
start = time.monotonic()
for number in range(int(seconds * 50)):
    # RFC 3550, section 5.1: version 2, payload type 0 (PCMU, RFC 3551), 20 ms a packet.
    head = struct.pack(">BBHII", 0x80, 0, sequence & 0xffff, stamp & 0xffffffff, source)
    if not (lose and number % lose == lose - 1):
        talk.sendto(head + os.urandom(160), (remote, port))
    sequence, stamp = sequence + 1, stamp + 160
    time.sleep(max(0, start + (number + 1) * 0.02 + dice.uniform(0, 0.004) - time.monotonic()))
