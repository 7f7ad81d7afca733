import type { Duplex } from 'node:stream';

/**
 * Reads the first line of a connection and leaves what follows in the stream.
 *
 * @param longest bytes
 * @throws Error when the connection ends before it, or it is too long
 */
export async function readFirstLine(socket: Duplex, longest: number): Promise<string> {
  const line: Buffer[] = [];
  for (;;) {
    const byte = (socket.read(1) ?? undefined) as Buffer | undefined;
    if (byte === undefined) {
      if (socket.readableEnded || socket.destroyed) throw new Error('the connection ended before its order');
      await new Promise<void>((resolve) => {
        const go = () => {
          socket.off('readable', go).off('end', go).off('close', go);
          resolve();
        };
        socket.once('readable', go).once('end', go).once('close', go);
      });
      continue;
    }
    if (byte[0] === 0x0a) return Buffer.concat(line).toString();
    line.push(byte);
    if (line.length > longest) throw new Error('the order is too long');
  }
}
