import { type Endpoint, tlsName } from './address.js';
import type { TlsFiles } from './identity.js';

/** Environment variable of an agent that a listener has started: an {@link AgentOrigin} as JSON. */
export const AGENT_ORIGIN = 'ROAM_AGENT_ORIGIN';

/** Where an agent's migration comes from. */
interface AgentOrigin extends Endpoint {
  tls: TlsFiles;
}

/** How the source is reached from an agent that a listener has started: by a listener there, on the same port. */
export function tlsWayBack(): { host: string; tls: TlsFiles } | undefined {
  const text = process.env[AGENT_ORIGIN];
  if (text === undefined) return undefined;
  const { host, port, tls } = JSON.parse(text) as AgentOrigin;
  return { host: tlsName({ host: host.replace(/^::ffff:(?=\d+\.)/, ''), port }), tls };
}
