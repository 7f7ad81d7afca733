/** Something to be undone or ended, and its name for who reads that it could not be. */
export interface Step {
  what: string;
  fn: () => Promise<void>;
}

/** Runs every step, whatever became of the others; what failed comes back in words. */
export async function runAll(steps: Step[]): Promise<string[]> {
  const warnings: string[] = [];
  for (const { what, fn } of steps) {
    await fn().catch((error: Error) => warnings.push(`${what}: ${error.message}`));
  }
  return warnings;
}
