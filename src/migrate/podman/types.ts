// What `podman container inspect` says, as far as a migration reads it.

export interface Inspected {
  Id: string;
  Name: string;
  /** Id of the image. */
  Image: string;
  ImageName: string;
  /** Id of the pod that it belongs to. */
  Pod: string;
  /** Containers that it shares namespaces with. */
  Dependencies: string[];
  /** Name or path of the program. */
  OCIRuntime: string;
  /** Directory of config.json, and of what Podman keeps of it for good. */
  StaticDir: string;
  State: { Running: boolean; Paused: boolean; Status: string; Pid: number };
  Config: { Tty: boolean; Healthcheck?: unknown };
  HostConfig: {
    NetworkMode: string;
    LogConfig: { Type: string; Path: string };
    RestartPolicy: { Name: string; MaximumRetryCount: number };
    Devices?: { PathOnHost: string }[] | null;
  };
  GraphDriver: { Name: string; Data?: { UpperDir?: string; MergedDir?: string } | null };
  Mounts: { Type: string; Name?: string; Source: string; Destination: string; RW: boolean }[];
}
