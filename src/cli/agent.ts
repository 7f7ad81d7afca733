// `roam agent --listen`

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { parseEndpoint, tlsName } from '../migrate/tls/address.js';
import { Listener } from '../migrate/tls/listener.js';
import { fail } from './output.js';

interface Flags {
  listen: string;
  cert: string;
  key: string;
  peerCert: string[];
}

const append = (path: string, before: string[] = []): string[] => [...before, resolve(path)];

export function registerAgent(program: Command): void {
  program
    .command('agent')
    .description('take migrations over mutual TLS, from hosts whose certificates are given')
    .requiredOption('--listen <address:port>', 'where to listen, such as 10.0.1.2:7411 or [::]:7411')
    .requiredOption('--cert <file>', "this host's certificate (PEM)")
    .requiredOption('--key <file>', 'its key (PEM, for its owner alone)')
    .requiredOption('--peer-cert <file>', 'certificate of a host that may come (repeatable)', append)
    .addHelpText(
      'after',
      '\nExample:\n  roam agent --listen 10.0.1.2:7411 --cert b.crt --key b.key --peer-cert a.crt\n',
    )
    .action(async ({ listen, cert, key, peerCert }: Flags) => {
      try {
        const log = (line: string) => void process.stderr.write(`${line}\n`);
        const endpoint = parseEndpoint(listen);
        const files = { cert: resolve(cert), key: resolve(key), peerCerts: peerCert };
        const listener = await Listener.start({ ...files, listen: endpoint, log });
        log(`listening on ${tlsName({ ...endpoint, port: listener.port })}`);
        for (const signal of ['SIGINT', 'SIGTERM'] as const)
          process.once(signal, () => void listener.close().then(() => process.exit()));
      } catch (error) {
        fail(error, false);
      }
    });
}
