#!/usr/bin/env python3
"""An 802.1Q interface for hosts whose kernel has none: vlan.py LINK NUMBER NAME

Makes the tap interface NAME and carries its frames over LINK with the tag NUMBER, and those with that tag back, until
it is ended. Checksums and segments that a sender left to its network card pass with the header that says so
(linux/virtio_net.h), in both directions. Needs root.
"""

import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR = 263, 8, 15
PACKET_OUTGOING = 4
ETH_P_ALL, ETH_P_8021Q = 0x0003, 0x8100
TP_STATUS_VLAN_VALID = 0x10
# struct tpacket_auxdata (linux/if_packet.h)
AUXDATA = struct.Struct("IIIHHHH")
# struct virtio_net_hdr
HEADER = 10
# The two hardware addresses before the tag.
ADDRESSES = 12
LARGEST = 65_600


def tap(name):
    """Opens a tap interface whose frames have a header."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return device


def packets(link):
    """Opens a socket for all frames of an interface."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    opened.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    opened.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    opened.bind((link, ETH_P_ALL))
    return opened


def tag(ancillary):
    """The number of the VLAN that the kernel took out of a frame; None where there was none."""
    for level, kind, octets in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and len(octets) >= AUXDATA.size:
            status, _, _, _, _, tci, _ = AUXDATA.unpack_from(octets)
            return tci & 0xFFF if status & TP_STATUS_VLAN_VALID else None
    return None


def main():
    link, number, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    device, wire = tap(name), packets(link)
    mark = struct.pack("!HH", ETH_P_8021Q, number)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([device, wire], [], [])
        if wire in ready:
            octets, ancillary, _, address = wire.recvmsg(LARGEST, socket.CMSG_SPACE(AUXDATA.size))
            if address[2] != PACKET_OUTGOING and tag(ancillary) == number:
                os.write(device, octets)
        if device in ready:
            octets = os.read(device, LARGEST)
            head, frame = octets[:HEADER], octets[HEADER:]
            try:
                wire.send(head + frame[:ADDRESSES] + mark + frame[ADDRESSES:])
            except OSError as error:
                print(f"a frame of {len(frame)} octets is lost: {error}", file=sys.stderr)


main()
