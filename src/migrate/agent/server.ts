// The destination's end: reads requests from stdin, one JSON object per line, until stdin closes.
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type CriuError, RoamError } from '../../errors.js';
import { startRecovery } from './lost.js';
import type { AgentFailure, AgentRequest, AgentResponse } from './protocol.js';
import { AgentSession } from './session.js';

/** No request for this long before the commit: the source is gone, although the connection is not. */
const SILENCE_MS = 60_000;

/**
 * Serves one migration.
 *
 * Until `arm`, the end of `input` means that the source is lost: everything is undone. After it, the restored
 * processes stay, stopped, because the source may already be dead; a process of its own asks after it.
 */
export async function serveAgent(input: Readable, output: Writable): Promise<void> {
  const session = new AgentSession();
  const inFlight = new Set<Promise<void>>();
  const lines = createInterface({ input });
  let replaced = false;
  let silence = setTimeout(() => lines.close(), SILENCE_MS);
  // A closed connection must not end the process before it has cleaned up.
  output.on('error', () => {});
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGPIPE'] as const) {
    process.on(signal, () => {
      // SIGTERM comes from who takes this agent's place.
      if (signal === 'SIGTERM') replaced = true;
      if (signal !== 'SIGPIPE') lines.close();
    });
  }

  const answer = async (line: string) => {
    const request = parse(line);
    if (!request) return;
    const response = await handle(session, request);
    output.write(`${JSON.stringify(response)}\n`);
  };
  lines.on('line', (line) => {
    clearTimeout(silence);
    silence = setTimeout(() => lines.close(), SILENCE_MS);
    const work = answer(line).finally(() => inFlight.delete(work));
    inFlight.add(work);
  });
  await new Promise<void>((resolve) => lines.once('close', resolve));
  clearTimeout(silence);
  // A restore that is under way has to end before it can be undone.
  await Promise.allSettled(inFlight);
  const open = await session.connectionLost();
  if (open !== undefined && !replaced) startRecovery(open);
}

/** A connection that is lost in the middle of a request leaves a part of it: that is nothing to act on. */
function parse(line: string): AgentRequest | undefined {
  try {
    return JSON.parse(line) as AgentRequest;
  } catch {
    return undefined;
  }
}

async function handle(session: AgentSession, { id, op, args }: AgentRequest): Promise<AgentResponse> {
  try {
    return { id, result: (await session.perform(op, args)) ?? null };
  } catch (error) {
    return { id, error: describe(error) };
  }
}

function describe(error: unknown): AgentFailure {
  const { firstError, logTail } = error as Partial<CriuError>;
  const message = error instanceof Error ? error.message : String(error);
  return {
    message: firstError && !message.includes(firstError) ? `${message}: ${firstError}` : message,
    ...(error instanceof RoamError ? { code: error.code } : {}),
    ...(error instanceof RoamError && error.remedy ? { remedy: error.remedy } : {}),
    ...(firstError ? { firstError } : {}),
    ...(logTail ? { logTail } : {}),
  };
}
