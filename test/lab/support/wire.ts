import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type NodeName, node, script } from './lab.js';

/** RC opcodes of the base transport header (IBTA volume 1, 9.2.2), and the one that the module adds. */
export const RC_ACKNOWLEDGE = 0x11;
export const RC_RESUME = 0x19;
/** Syndrome of an RNR NAK in the ACK extended header, without the time that it tells. */
const RNR_NAK = 0x20;
/** What follows the header of one that a stopped QP sends: version, type, and the mark of the protocol. */
const NAK_STOPPED = 0x0203524d;

export interface RocePacket {
  source: string;
  destination: string;
  opcode: number;
  destQpn: number;
  psn: number;
  /** Of the ACK extended header, which follows the base header in these packets. */
  syndrome: number;
  /** The four bytes behind the ACK extended header; absent: there are none. */
  note?: number;
}

/** By which a stopped QP asks its peer to wait. */
export const isNakStopped = ({ opcode, syndrome, note }: RocePacket): boolean =>
  opcode === RC_ACKNOWLEDGE && (syndrome & 0xe0) === RNR_NAK && note === NAK_STOPPED;

const FILE = '/root/wire.pcap';

/** Captures acknowledgements and Resumes that pass a node's eth0, until the returned function is called. */
export async function capture(name: NodeName): Promise<() => Promise<RocePacket[]>> {
  const filter = `udp dst port 4791 and (udp[8] = ${RC_ACKNOWLEDGE} or udp[8] = ${RC_RESUME})`;
  const argv = ['tcpdump', '-i', 'eth0', '-U', '-s', '96', '-B', '4096', '-Z', 'root', '-w', FILE, filter];
  const pid = await (await node(name)).start(argv, { log: '/root/tcpdump.out' });
  await script(name, `until [ -s ${FILE} ]; do sleep 0.1; done`);
  return async () => {
    await script(name, 'kill -INT "$1"; while kill -0 "$1" 2>/dev/null; do sleep 0.1; done', [String(pid)]);
    const dir = await mkdtemp(path.join(tmpdir(), 'roam-wire-'));
    try {
      const local = path.join(dir, 'wire.pcap');
      await (await node(name)).pull(FILE, local);
      return parsePcap(await readFile(local));
    } finally {
      await rm(dir, { recursive: true });
    }
  };
}

/** Packets of a capture file of an Ethernet device (pcap-savefile(5)), little endian. */
export function parsePcap(file: Buffer): RocePacket[] {
  if (file.readUInt32LE(0) !== 0xa1b2c3d4 || file.readUInt32LE(20) !== 1)
    throw new Error('no pcap file of an Ethernet device');
  const packets: RocePacket[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const packet = parseFrame(file.subarray(at + 16, at + 16 + length));
    if (packet) packets.push(packet);
    at += 16 + length;
  }
  return packets;
}

function parseFrame(frame: Buffer): RocePacket | undefined {
  if (frame.length < 14 + 20 + 8 + 16 || frame.readUInt16BE(12) !== 0x0800) return undefined;
  const ip = frame.subarray(14);
  const bth = ip.subarray(((ip[0] ?? 0) & 15) * 4 + 8);
  const dotted = (offset: number) => [...ip.subarray(offset, offset + 4)].join('.');
  return {
    source: dotted(12),
    destination: dotted(16),
    opcode: bth.readUInt8(0),
    destQpn: bth.readUIntBE(5, 3),
    psn: bth.readUIntBE(9, 3),
    syndrome: bth.readUInt8(12),
    ...(bth.length >= 20 ? { note: bth.readUInt32BE(16) } : {}),
  };
}
