export { cacheDir, cleanCache } from './cache.js';
export type { CommandEnd, CommandSpec } from './exec.js';
export type { KernelChoice } from './image/index.js';
export { Lab, type LabOptions } from './lab.js';
export { type ExecOptions, type ExecResult, LabNode } from './node.js';
export type { Accel, RxeModule } from './qemu.js';
export { type LabStatus, type NodeStatus, runningLabs } from './state.js';
