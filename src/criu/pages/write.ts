import type { Duplex } from 'node:stream';

/** Writes, and waits for room: pages are never piled up in this process. */
export function write(stream: Duplex, ...parts: Buffer[]): Promise<void> {
  if (stream.destroyed) return Promise.reject(new Error('the connection was closed'));
  stream.cork();
  const room = parts.map((part) => stream.write(part)).at(-1);
  stream.uncork();
  if (room) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (fn: () => void) => () => {
      stream.off('drain', onDrain).off('close', onClose);
      fn();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(new Error('the connection was closed')));
    stream.once('drain', onDrain).once('close', onClose);
  });
}
