import type { GuestImage } from './image/index.js';
import type { Accel, NodeSpec } from './qemu.js';

/** What a supervisor is told to run; plain data, as it travels through a file. */
export interface LabPlan {
  name: string;
  nodes: NodeSpec[];
  image: GuestImage;
  accel: Accel;
  /** Frequency of the host's time stamp counter in kHz; given to TCG guests, whose counter it is. */
  tscKhz: number;
  /** Memory of a node in MiB. */
  memory: number;
  /** Time limit of a node's boot in ms. */
  bootTimeout: number;
}
