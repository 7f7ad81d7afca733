import { LabError } from '../errors.js';
import { connect } from './state.js';

/**
 * Asks the supervisor of a lab and gives its answer.
 *
 * @throws LabError, code `LAB_ABSENT` when no lab of that name runs.
 */
export async function request<T>(lab: string, message: { op: string }): Promise<T> {
  const socket = await connect(lab);
  if (!socket)
    throw new LabError(`no lab named '${lab}' is running`, {
      code: 'LAB_ABSENT',
      remedy: "start one with 'roam lab up'",
    });
  socket.write(`${JSON.stringify(message)}\n`);
  let text = '';
  // A supervisor that goes down may reset the connection after its answer.
  socket.on('error', () => {});
  try {
    for await (const chunk of socket) text += chunk;
  } catch {}
  if (!text.includes('\n'))
    throw new LabError(`the supervisor of lab '${lab}' did not answer`, { code: 'LAB_ABSENT' });
  const reply = JSON.parse(text) as T & { error?: string };
  return reply;
}
