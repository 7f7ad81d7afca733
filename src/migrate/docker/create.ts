// What `docker inspect` says of a container, as the request that makes another one like it.
import type { CreateBody, Endpoint, EndpointConfig, Inspected } from './types.js';

/** Of a container on a network: the address that it has becomes one that it asks for. */
export function endpointConfig(id: string, endpoint: Endpoint): EndpointConfig {
  const { IPAddress, Links, DriverOpts } = endpoint;
  // Older daemons list the short id, which is another one at the destination.
  const aliases = (endpoint.Aliases ?? []).filter((alias) => !id.startsWith(alias));
  return {
    IPAMConfig: { IPv4Address: IPAddress || endpoint.IPAMConfig?.IPv4Address || '' },
    ...(aliases.length > 0 ? { Aliases: aliases } : {}),
    ...(Links?.length ? { Links } : {}),
    ...(DriverOpts ? { DriverOpts } : {}),
  };
}

/** Networks that are one host's own, and are not joined by an address. */
const UNADDRESSED = new Set(['host', 'none']);

/** The networks that a container takes its addresses from, by their names. */
export function addressed({ NetworkSettings }: Inspected): [string, Endpoint][] {
  return Object.entries(NetworkSettings.Networks).filter(([name]) => !UNADDRESSED.has(name));
}

/**
 * `Config` and `HostConfig` have the form in which they are asked for; what has defaults that depend on the container
 * (its host name is its short id) is in them as it was.
 *
 * @param image What the destination knows the image by.
 */
export function createBody(container: Inspected, image: string): CreateBody {
  const { Id, Config, HostConfig } = container;
  const { ContainerIDFile: _, ...host } = HostConfig;
  const endpoints = addressed(container).map(([name, endpoint]) => [name, endpointConfig(Id, endpoint)]);
  return {
    ...Config,
    Image: image,
    HostConfig: host as CreateBody['HostConfig'],
    NetworkingConfig: { EndpointsConfig: Object.fromEntries(endpoints) },
  };
}
