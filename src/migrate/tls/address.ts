import { RoamError } from '../../errors.js';

export interface Endpoint {
  host: string;
  port: number;
}

const SCHEME = 'tls://';

export const isTls = (to: string): boolean => to.startsWith(SCHEME);

/** Of `HOST:PORT` or `[ADDRESS]:PORT`. @throws RoamError BAD_ADDRESS */
export function parseEndpoint(text: string): Endpoint {
  const [, six, host = six, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || !(port >= 0 && port < 65536))
    throw new RoamError('BAD_ADDRESS', `"${text}" is no address with a port`, {
      remedy: 'write HOST:PORT or [IPV6]:PORT',
    });
  return { host, port };
}

/** Of `tls://HOST:PORT`. @throws RoamError BAD_ADDRESS */
export const parseTls = (to: string): Endpoint => parseEndpoint(to.slice(SCHEME.length));

export const tlsName = ({ host, port }: Endpoint): string =>
  `${SCHEME}${host.includes(':') ? `[${host}]` : host}:${port}`;
