import { readFile, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { LabError } from '../errors.js';
import { cacheDir, hashInputs } from './cache.js';
import type { GuestImage } from './image/index.js';
import { type Accel, accelArgs } from './qemu.js';

/** A KVM guest prints its first line within two seconds; a hung one never does. */
const PROBE_TIMEOUT = 10_000;

/**
 * Chooses KVM where a guest really boots with it, else TCG: /dev/kvm may exist and still hang or abort.
 * `ROAM_LAB_ACCEL=kvm|tcg` forces one. The probe's result is kept per kernel and processor.
 */
export async function chooseAccel(image: GuestImage): Promise<Accel> {
  const forced = process.env.ROAM_LAB_ACCEL;
  if (forced === 'kvm' || forced === 'tcg') return forced;
  if (forced)
    throw new LabError(`ROAM_LAB_ACCEL is '${forced}'`, {
      code: 'LAB_ACCEL',
      remedy: 'set it to kvm or tcg',
    });
  const { stdout: qemu } = await execa('qemu-system-x86_64', ['--version']);
  const file = path.join(cacheDir(), `accel-${await hashInputs([release(), cpus()[0]?.model ?? '', qemu])}`);
  const known = await readFile(file, 'utf8').catch(() => undefined);
  if (known === 'kvm' || known === 'tcg') return known;
  const accel = (await kvmBoots(image)) ? 'kvm' : 'tcg';
  await writeFile(file, accel);
  return accel;
}

async function kvmBoots(image: GuestImage): Promise<boolean> {
  const { stdout } = await execa(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...accelArgs('kvm'), '-machine', 'pc', '-m', '512'],
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
      ...['-kernel', image.kernel, '-initrd', image.payload.initramfs],
      ...['-append', 'console=ttyS0 quiet panic=-1 roam_probe=1'],
    ],
    { reject: false, stdin: 'ignore', timeout: PROBE_TIMEOUT, killSignal: 'SIGKILL' },
  );
  return stdout?.includes('roam-lab: probe ok') ?? false;
}
