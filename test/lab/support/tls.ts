// Two nodes that know each other by certificates, and have no ssh.
import { type NodeName, node, script } from './lab.js';

const PORT = 7411;
const DIR = '/root/tls';
const LOG = '/root/listener.out';

export const listenerOf = (name: NodeName): `tls://${string}` => `tls://${name}:${PORT}`;

/** Arguments of `roam migrate`; `own`: which pair of files it shows. */
export const certificates = (own = 'own'): string[] => [
  ...['--cert', `${DIR}/${own}.crt`],
  ...['--key', `${DIR}/${own}.key`],
  ...['--peer-cert', `${DIR}/peer.crt`],
];

const NO_SSH = `nft -f - <<'END'
table inet nossh {
  chain i {
    type filter hook input priority -300
    iifname "eth0" tcp dport 22 drop
  }
}
END`;

/** Makes pairs on a and b, one more on a that nobody knows, and a listener on each. */
export async function startListeners(): Promise<void> {
  const make = (pair: string) =>
    `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=$(hostname) -keyout ${pair}.key -out ${pair}.crt`;
  const made = new Map<NodeName, string>();
  for (const name of ['a', 'b'] as const)
    made.set(
      name,
      await script(
        name,
        `mkdir -p ${DIR} && cd ${DIR} && { ${make('own')} && ${make('stranger')}; } 2>/dev/null && cat own.crt`,
      ),
    );
  for (const [name, peer] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    await script(name, `printf '%s\\n' "$1" >${DIR}/peer.crt; ${NO_SSH}`, [made.get(peer) as string]);
    const argv = ['roam', 'agent', '--listen', `0.0.0.0:${PORT}`, ...certificates()];
    await (await node(name)).start(argv, { log: LOG });
    await script(name, `until grep -q '^listening on' ${LOG}; do sleep 0.2; done`);
  }
}

export async function stopListeners(): Promise<void> {
  for (const name of ['a', 'b'] as const)
    await script(
      name,
      `pkill -f '[a]gent --listen'; nft delete table inet nossh 2>/dev/null; rm -rf ${DIR}; true`,
    );
}

/** What a listener has told. */
export const listenerLog = (name: NodeName): Promise<string> => script(name, `cat ${LOG}`);
