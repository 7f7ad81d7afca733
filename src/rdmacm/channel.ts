import { Readiness } from '../sys/readiness.js';
import { type NativeCmEvent, rdmacm } from './addon.js';

type Handler = (event: NativeCmEvent) => void;

/** What handles the events of an identifier; for a request, that of its listener. */
const handlers = new Map<number, Handler>();
let readiness: Readiness | undefined;

/** Makes an identifier on this thread's event channel. While there is one, the process stays alive. */
export function createId(handler: Handler, datagrams = false): number {
  open();
  try {
    const id = rdmacm('a connection', (cm) => cm.create(datagrams));
    handlers.set(id, handler);
    return id;
  } finally {
    closeUnused();
  }
}

/** Takes over an identifier that came with a request. */
export function adoptId(id: number, handler: Handler): void {
  handlers.set(id, handler);
}

/** The channel goes with the last: a process with one cannot be moved. */
export function destroyId(id: number): void {
  if (!handlers.delete(id)) return;
  rdmacm('a connection', (cm) => cm.destroy(id));
  closeUnused();
}

function closeUnused(): void {
  if (handlers.size > 0) return;
  readiness?.close();
  readiness = undefined;
  rdmacm('connections', (cm) => cm.close());
}

function open(): void {
  if (readiness !== undefined) return;
  const fd = rdmacm('connections', (cm) => cm.open());
  const mine = new Readiness(fd);
  readiness = mine;
  void pump(mine);
}

async function pump(mine: Readiness): Promise<void> {
  for (;;) {
    try {
      await mine.readable();
    } catch {
      // Closed with the last identifier.
      return;
    }
    try {
      for (let event = next(mine); event !== undefined; event = next(mine)) deliver(event);
    } catch (error) {
      // One event is lost, for want of memory or for a device that has just gone; the others must come.
      process.emitWarning(`an event of rdma_cm is lost: ${(error as Error).message}`, 'RoamWarning');
    }
  }
}

function deliver(event: NativeCmEvent): void {
  const handler = handlers.get(event.listener ?? event.id);
  if (handler !== undefined) handler(event);
  // A request whose listener is gone.
  else if (event.listener !== undefined) rdmacm('a request', (cm) => cm.destroy(event.id));
}

function next(mine: Readiness): NativeCmEvent | undefined {
  return readiness === mine ? rdmacm('connections', (cm) => cm.event()) : undefined;
}
