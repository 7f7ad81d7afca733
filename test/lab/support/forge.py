# Sends messages of the migration protocol that nobody asked for: one for each line of JSON on stdin.
import json, socket, struct, sys, zlib

PORT = 4791
ACKNOWLEDGE, RESUME = 0x11, 0x19
RNR_NAK = 0x20
NAK_STOPPED = 3
TYPES = {"resume": 1, "resumed": 2}


def gid(address):
    return bytes(10) + b"\xff\xff" + socket.inet_aton(address)


def roce(m):
    """Base transport header, ACK extended header and payload."""
    nak = m["kind"] == "nak"
    psn, syndrome = (m["psn"], RNR_NAK) if nak else (m["compPsn"], 0)
    bth = struct.pack("!BBHII", ACKNOWLEDGE if nak else RESUME, 0, 0xFFFF, m["qpn"], psn)
    aeth = struct.pack("!I", syndrome << 24 | m["epoch"])
    tag = struct.pack("!Q", m.get("tag", 0))
    if nak:
        return bth + aeth + struct.pack("!BBHIQ", 2, NAK_STOPPED, 0x524D, m["epoch"], 0) + tag
    head = struct.pack("!BBBBIII", 2, TYPES[m["kind"]], 0, 0, m["epoch"], m["compPsn"], m["respPsn"])
    return bth + aeth + head + gid(m["source"]) + tag


def packet(m):
    body = roce(m)
    udp = struct.pack("!HHHH", PORT, PORT, 8 + len(body) + 4, 0)
    # An identification of 0 would be replaced by the kernel; the ICRC covers it.
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + 8 + len(body) + 4, 0x4711, 0x4000, 64, 17, 0,
                     socket.inet_aton(m["source"]), socket.inet_aton(m["destination"]))
    # IBTA annex A17: fields that change on the way count as ones.
    masked = b"\xff" * 8 + ip[:1] + b"\xff" + ip[2:8] + b"\xff" + ip[9:10] + b"\xff\xff" + ip[12:]
    masked += udp[:6] + b"\xff\xff" + body[:4] + b"\xff" + body[5:]
    return ip + udp + body + struct.pack("<I", zlib.crc32(masked))


raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for line in sys.stdin:
    message = json.loads(line)
    raw.sendto(packet(message), (message["destination"], 0))
