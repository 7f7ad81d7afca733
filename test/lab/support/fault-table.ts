// docs/faults.md: what was seen, one cell for each phase and fault. Cells that were not run keep what they say.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CELLS, FAULT_NAMES, FAULT_PHASES, type FaultName, type FaultPhase } from './fault-kinds.js';

const FILE = fileURLToPath(new URL('../../../docs/faults.md', import.meta.url));
const NOT_RUN = 'not run';

type Outcomes = Map<string, string>;
export const keyOf = (phase: FaultPhase, fault: FaultName): string => `${phase} / ${fault}`;

function tableOf(outcomes: Outcomes): string {
  const meant = new Set(CELLS.map(({ phase, fault }) => keyOf(phase, fault)));
  const cell = (phase: FaultPhase, fault: FaultName) =>
    meant.has(keyOf(phase, fault)) ? (outcomes.get(keyOf(phase, fault)) ?? NOT_RUN) : '';
  const rows = FAULT_NAMES.map((fault) => [fault, ...FAULT_PHASES.map((phase) => cell(phase, fault))]);
  return [['fault', ...FAULT_PHASES], ['---', ...FAULT_PHASES.map(() => '---')], ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

function outcomesOf(text: string): Outcomes {
  const outcomes: Outcomes = new Map();
  for (const line of text.split('\n')) {
    const [, fault = '', ...cells] = line.split('|').map((part) => part.trim());
    if (!FAULT_NAMES.includes(fault as FaultName)) continue;
    FAULT_PHASES.forEach((phase, i) => {
      const value = cells[i];
      if (value && value !== NOT_RUN) outcomes.set(keyOf(phase, fault as FaultName), value);
    });
  }
  return outcomes;
}

/** Puts the outcome of one cell into the table. */
export async function record(key: string, outcome: string): Promise<void> {
  const text = await readFile(FILE, 'utf8');
  const table = tableOf(outcomesOf(text).set(key, outcome));
  await writeFile(FILE, text.replace(/^\| fault \|(.*\n\|)*.*$/m, table));
}

export async function print(): Promise<void> {
  console.log(tableOf(outcomesOf(await readFile(FILE, 'utf8'))));
}
