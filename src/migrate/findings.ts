// Findings as they come together.
import type { Finding, Severity } from './types.js';

/** What was found on one host; the same words count once. */
export class Findings {
  readonly list: Finding[] = [];

  constructor(private readonly host: string) {}

  error(code: string, message: string, remedy?: string): void {
    this.#add('error', code, message, remedy);
  }

  warning(code: string, message: string, remedy?: string): void {
    this.#add('warning', code, message, remedy);
  }

  info(code: string, message: string, remedy?: string): void {
    this.#add('info', code, message, remedy);
  }

  #add(severity: Severity, code: string, message: string, remedy: string | undefined): void {
    if (this.list.some((finding) => finding.message === message)) return;
    this.list.push({ severity, code, host: this.host, message, ...(remedy ? { remedy } : {}) });
  }
}

const RANK: Record<Severity, number> = { error: 0, warning: 1, info: 2 };

/** Errors first, otherwise as they were found. */
export const bySeverity = (findings: Finding[]): Finding[] =>
  [...findings].sort((a, b) => RANK[a.severity] - RANK[b.severity]);

export const errorsOf = (findings: Finding[]): Finding[] =>
  findings.filter(({ severity }) => severity === 'error');
