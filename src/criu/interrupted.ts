// System calls that a dump interrupts for good, begun again in the images.
//
// The kernel resumes a sleeping poll(2) or a timed futex(2) after a stop by itself, but keeps what it needs
// for that where no one can read it: CRIU restores such a call as one that failed with EINTR. epoll_wait(2)
// fails so by nature. A program that takes no signals need not expect either, and many do not.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type core_entry, core_entrySchema, type user_x86_regs_entry } from './gen/criu-core_pb.js';

const X86_64 = 1;
const NATIVE_MODE = 1;
/** Length of the SYSCALL instruction, bytes. */
const SYSCALL_LENGTH = 2n;
const EINTR = BigInt.asUintN(64, -4n);

type Registers = user_x86_regs_entry;

/**
 * Calls that may be begun again with the arguments that they had, by their numbers on x86-64. What the kernel
 * itself would resume is begun again always, and a relative timeout counts from the restore then. epoll is only
 * where it has no timeout: who gave one looks at the clock again after EINTR, and would wait too long otherwise.
 * Not nanosleep: what remains of it has been told to its caller.
 */
const RESTARTABLE: ReadonlyMap<bigint, { call: string; when?: (regs: Registers) => boolean }> = new Map([
  [7n, { call: 'poll' }],
  [202n, { call: 'futex' }],
  [232n, { call: 'epoll_wait', when: hasNoTimeout }],
  [281n, { call: 'epoll_pwait', when: hasNoTimeout }],
  [441n, { call: 'epoll_pwait2', when: (regs) => regs.r10 === 0n }],
]);

/** The fourth argument is an int. */
function hasNoTimeout({ r10 }: Registers): boolean {
  return BigInt.asIntN(32, r10) < 0n;
}

/** First words of an image: common magic (images v1.1), then that of core images. */
const MAGIC = Buffer.from([0x19, 0x43, 0x56, 0x54, 0x47, 0x38, 0x05, 0x55]);
const LENGTH_BYTES = 4;

/** A task, by the number it has in the images, and the name of the call that it begins again. */
export interface RestartedCall {
  tid: number;
  call: string;
}

/**
 * Lets every task of a dump that slept in such a call begin it again, unless a signal waits for the task:
 * then the call was interrupted in earnest.
 *
 * @param imagesDir directory of a complete dump, which no one else uses meanwhile
 * @throws Error when a core image is not one
 */
export async function restartInterruptedCalls(imagesDir: string): Promise<RestartedCall[]> {
  const restarted: RestartedCall[] = [];
  for (const name of await readdir(imagesDir)) {
    const tid = /^core-(\d+)\.img$/.exec(name)?.[1];
    if (tid === undefined) continue;
    const path = join(imagesDir, name);
    const core = decode(await readFile(path), name);
    const call = restart(core);
    if (call === undefined) continue;
    await writeFile(path, encode(core));
    restarted.push({ tid: Number(tid), call });
  }
  return restarted;
}

/** @returns the call's name, or undefined where nothing is to be done */
function restart(core: core_entry): string | undefined {
  const regs = core.threadInfo?.gpregs;
  if (core.mtype !== X86_64 || !regs || (regs.mode || NATIVE_MODE) !== NATIVE_MODE) return undefined;
  if (regs.ax !== EINTR) return undefined;
  const restartable = RESTARTABLE.get(regs.origAx);
  if (!restartable || restartable.when?.(regs) === false) return undefined;
  const pending = [core.tc?.signalsS, core.threadCore?.signalsP].some((queue) => queue?.signals.length);
  if (pending) return undefined;
  regs.ax = regs.origAx;
  regs.ip -= SYSCALL_LENGTH;
  return restartable.call;
}

/** A core image is one entry behind its magic. */
function decode(image: Buffer, name: string): core_entry {
  const start = MAGIC.length + LENGTH_BYTES;
  const whole =
    image.length >= start &&
    image.subarray(0, MAGIC.length).equals(MAGIC) &&
    image.readUInt32LE(MAGIC.length) === image.length - start;
  if (!whole) throw new Error(`${name} is not a core image of CRIU`);
  return fromBinary(core_entrySchema, image.subarray(start));
}

function encode(core: core_entry): Buffer {
  const entry = toBinary(core_entrySchema, core);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(entry.length);
  return Buffer.concat([MAGIC, length, entry]);
}
