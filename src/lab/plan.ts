import type { GuestImage } from './image/index.js';
import type { Accel, NodeSpec } from './qemu.js';

/** What a supervisor is told to run; plain data, as it travels through a file. */
export interface LabPlan {
  name: string;
  nodes: NodeSpec[];
  image: GuestImage;
  accel: Accel;
  /** Memory of a node in MiB. */
  memory: number;
  /** Time limit of a node's boot in ms. */
  bootTimeout: number;
}
