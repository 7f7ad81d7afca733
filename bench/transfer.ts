// The first round of pre-copy against a plain stream of as many bytes, encrypted in the same way: ssh, and TLS.
import type { Lab, MigrationReport } from 'roam-rdma';
import type { Subject } from './compare.js';
import type { Benchmark } from './perftest.js';

type Way = 'plain' | 'roam';
type Channel = 'ssh' | 'tls';

const MIB = 1048576;
/** What cannot be compressed: the link is compared, not what goes over it. */
const SIZE = 96 * MIB;

const HOLD = `import os, time; memory = os.urandom(${SIZE}); print("ready", flush=True); time.sleep(3600)`;

const TLS_PORT = 7411;
const PLAIN_PORT = 7412;
const FILES = ['--cert', '/root/own.crt', '--key', '/root/own.key', '--peer-cert', '/root/own.crt'];

/** Both nodes show the same certificate: one pair is enough to measure with. */
const PREPARE_TLS = `cd /root && [ -f own.crt ] || {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=lab -keyout own.key -out own.crt 2>/dev/null
    scp -q own.key own.crt b:/root/
  }
  ssh b '{ ss -Hltn | grep -q :${TLS_PORT} || exec setsid roam agent --listen 0.0.0.0:${TLS_PORT} ${FILES.join(' ')} >/root/listener.out 2>&1; } >/dev/null 2>&1 </dev/null &
    until grep -q "^listening" /root/listener.out 2>/dev/null; do sleep 0.2; done'`;

/** Takes SIZE bytes into a file and says when it has them all; the other end sends a file. Python's ssl is OpenSSL. */
const TLS_SINK = `import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain("/root/own.crt", "/root/own.key")
listener = socket.create_server(("", ${PLAIN_PORT})); print("ready", flush=True)
connection = context.wrap_socket(listener.accept()[0], server_side=True)
left = ${SIZE}
with open("/dev/shm/plain", "wb") as file:
    while left:
        data = connection.recv(65536); file.write(data); left -= len(data)
connection.sendall(b"done")`;
const TLS_SEND = `import socket, ssl, time
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); context.check_hostname = False; context.load_verify_locations("/root/own.crt")
connection = context.wrap_socket(socket.create_connection(("b", ${PLAIN_PORT})))
file = open("/dev/shm/plain", "rb"); print(time.time_ns())
while data := file.read(65536): connection.sendall(data)
assert connection.recv(4) == b"done"; print(time.time_ns())`;

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

const SEND: Record<Channel, string> = {
  ssh: `date +%s%N; ssh b 'cat >/dev/shm/plain' </dev/shm/plain; date +%s%N`,
  tls: `${PREPARE_TLS}
    ssh b ${quoted(`python3 -c ${quoted(TLS_SINK)} >/root/sink.out 2>&1 </dev/null & until grep -q ready /root/sink.out; do sleep 0.2; done`)}
    python3 -c ${quoted(TLS_SEND)}`,
};

async function plain(lab: Lab, channel: Channel): Promise<number> {
  const script = `head -c ${SIZE} /dev/urandom >/dev/shm/plain; ${SEND[channel]}; ssh b 'rm /dev/shm/plain /root/sink.out' 2>/dev/null; rm /dev/shm/plain`;
  const { stdout } = await lab.node('a').exec(['sh', '-c', script], { timeout: 300_000 });
  const [from = '0', to = '0'] = stdout.trim().split('\n');
  return SIZE / MIB / (Number(BigInt(to) - BigInt(from)) / 1e9);
}

async function preCopy(lab: Lab, channel: Channel): Promise<number> {
  if (channel === 'tls') await lab.node('a').exec(['sh', '-c', PREPARE_TLS], { timeout: 120_000 });
  const log = '/root/hold.out';
  const pid = await lab.node('a').start(['python3', '-c', HOLD], { log });
  await lab.node('a').exec(['sh', '-c', `until grep -q ready ${log}; do sleep 0.2; done`]);
  const to = channel === 'tls' ? [`tls://b:${TLS_PORT}`, ...FILES] : ['b'];
  const argv = ['roam', 'migrate', `pid:${pid}`, '--max-rounds', '1', '--json', '--to', ...to];
  const { stdout } = await lab.node('a').exec(argv, { timeout: 300_000 });
  await lab.node('b').exec(['kill', String(pid)]);
  const [round] = (JSON.parse(stdout) as MigrationReport).rounds ?? [];
  if (!round || round.bytes < SIZE)
    throw new Error(`a round of ${round?.bytes} bytes does not hold the memory`);
  return round.bytes / MIB / (round.ms / 1000);
}

const benchmark = (channel: Channel): Benchmark => ({
  tool: channel,
  size: SIZE,
  iterations: 1,
  metric: 'MiB/s',
  column: 0,
});

export const transferSubject: Subject<Way> = {
  variants: ['plain', 'roam'],
  benchmarks: [benchmark('ssh'), benchmark('tls')],
  measure: (lab, { tool }, way) => (way === 'plain' ? plain : preCopy)(lab, tool as Channel),
};
