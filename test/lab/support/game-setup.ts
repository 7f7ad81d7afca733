import type { TestProject } from 'vitest/node';
import { bootLab } from './global-setup.js';

/** The lab of the journey: four nodes for the server, and one for its client. */
export default (project: TestProject) =>
  bootLab(project, { nodes: ['a', 'b', 'c', 'd', 'peer'], extra: 'game' });
