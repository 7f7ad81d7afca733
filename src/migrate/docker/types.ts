// What the Docker Engine API says of containers and networks, as far as a migration reads it. What else is there goes
// along as it came.

/** Of a container on one network. */
export interface Endpoint {
  NetworkID: string;
  IPAddress: string;
  IPAMConfig?: { IPv4Address?: string } | null;
  Aliases?: string[] | null;
  Links?: string[] | null;
  DriverOpts?: Record<string, string> | null;
}

export interface HostConfig {
  NetworkMode: string;
  LogConfig?: { Type: string };
  Runtime: string;
  AutoRemove: boolean;
  RestartPolicy?: { Name: string; MaximumRetryCount?: number };
  Devices?: { PathOnHost: string }[] | null;
  [other: string]: unknown;
}

/** `GET /containers/NAME/json` */
export interface Inspected {
  Id: string;
  /** With a slash before it. */
  Name: string;
  /** Id of the image. */
  Image: string;
  /** Where its output is kept, if in a file. */
  LogPath?: string;
  State: { Running: boolean; Paused: boolean; Status: string; Pid: number };
  Config: { Image: string; Hostname: string; Tty: boolean; [other: string]: unknown };
  HostConfig: HostConfig;
  GraphDriver: { Name: string; Data?: { UpperDir?: string } | null };
  Mounts: {
    Type: string;
    Name?: string;
    Source: string;
    Destination: string;
    RW: boolean;
    Driver?: string;
  }[];
  NetworkSettings: { Networks: Record<string, Endpoint> };
}

/** `GET /networks/NAME` */
export interface Network {
  Id: string;
  Name: string;
  Driver: string;
  Scope: string;
  Attachable: boolean;
}

/** What a container is connected to a network with. */
export interface EndpointConfig {
  IPAMConfig: { IPv4Address: string };
  Aliases?: string[];
  Links?: string[];
  DriverOpts?: Record<string, string>;
}

/** Body of `POST /containers/create`. */
export interface CreateBody {
  Image: string;
  HostConfig: HostConfig;
  NetworkingConfig: { EndpointsConfig: Record<string, EndpointConfig> };
  [other: string]: unknown;
}
