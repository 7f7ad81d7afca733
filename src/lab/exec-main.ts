/** Program behind LabNode.spawn: LAB NODE SPEC, where SPEC is a CommandSpec in JSON. */
import type { CommandSpec } from './exec.js';
import { passThrough } from './pass-through.js';

const [lab, node, spec] = process.argv.slice(2) as [string, string, string];
try {
  process.exitCode = await passThrough(lab, node, JSON.parse(spec) as CommandSpec);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 127;
}
process.stdin.destroy();
