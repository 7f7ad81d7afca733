import type { TestProject } from 'vitest/node';
import { bootLab } from './global-setup.js';

/** The lab of the tests of Podman. */
export default (project: TestProject) =>
  bootLab(project, { nodes: ['a', 'b'], memory: 1536, extra: 'podman' });
