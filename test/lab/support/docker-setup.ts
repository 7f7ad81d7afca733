import type { TestProject } from 'vitest/node';
import { bootLab } from './global-setup.js';

/** The lab of the tests of Docker: nodes with it, and with the memory that it wants. */
export default (project: TestProject) =>
  bootLab(project, { nodes: ['a', 'b', 'c'], memory: 2048, extra: 'docker' });
