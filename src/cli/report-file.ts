// Files that a command was asked to write beside its output.
import { chmod, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RoamError } from '../errors.js';
import { run } from '../migrate/run.js';
import type { SupportFile } from '../migrate/types.js';
import type { Outcome, PeerView } from '../report/types.js';

/**
 * Makes sure that a file can be written, before the work whose result it will hold.
 *
 * @throws RoamError FILE_NOT_WRITABLE
 */
export async function claimFile(path: string, mode = 0o644): Promise<void> {
  const file = await open(path, 'a', mode).catch((cause: Error) => {
    throw new RoamError('FILE_NOT_WRITABLE', `${path} cannot be written: ${cause.message}`, {
      cause,
      remedy: 'name another file; nothing was begun',
    });
  });
  await file.close();
}

/** Writes the page about a migration. */
export async function writeReport(path: string, outcome: Outcome, peer?: PeerView): Promise<void> {
  const { reportPage } = await import('../report/index.js');
  await writeFile(path, reportPage(outcome, peer));
}

/** Writes the report and what else is needed to understand it as a compressed tar archive, for its owner alone. */
export async function writeBundle(file: string, outcome: Outcome, files: SupportFile[]): Promise<void> {
  const { outcomeText, reportPage } = await import('../report/index.js');
  const dir = await mkdtemp(path.join(tmpdir(), 'roam-support-'));
  try {
    const parts = [
      ...files,
      { name: 'report.json', text: `${JSON.stringify(outcome, undefined, 2)}\n` },
      { name: 'report.html', text: reportPage(outcome) },
      { name: 'report.txt', text: `${outcomeText(outcome)}\n` },
    ];
    for (const { name, text } of parts) {
      const at = path.join(dir, 'roam-support', name);
      await mkdir(path.dirname(at), { recursive: true, mode: 0o700 });
      await writeFile(at, text, { mode: 0o600 });
    }
    await chmod(file, 0o600);
    await run('tar', ['-czf', file, '-C', dir, 'roam-support']);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
