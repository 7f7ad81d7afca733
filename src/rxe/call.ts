import { RoamError, VerbsError } from '../errors.js';
import { verbs, verbsCall } from '../verbs/addon.js';

/**
 * Calls a method of the module on a context of `device`.
 *
 * @throws {RoamError} `ROAM_UNSUPPORTED` when the driver has no such methods: the stock rdma_rxe, or
 * another driver. @throws {VerbsError} otherwise.
 */
export function rxeCall<T>(device: string, fd: number, call: () => T): T {
  try {
    return verbsCall(device, call);
  } catch (error) {
    if (!(error instanceof VerbsError)) throw error;
    if (error.code === 'EPROTONOSUPPORT')
      throw unsupported(`${device} is driven by the stock rdma_rxe module`, error);
    // Another driver knows none of the methods, and says EINVAL as it does for a wrong argument.
    if ((error.code === 'EINVAL' || error.code === 'ENOTTY') && !verbs().rxeIsRxe(fd)) {
      throw unsupported(`${device} is no rxe device`, error);
    }
    throw error;
  }
}

function unsupported(reason: string, cause: unknown): RoamError {
  return new RoamError('ROAM_UNSUPPORTED', `${reason}, which cannot stop, dump or restore QPs`, {
    cause,
    remedy: 'load the rdma_rxe module of roam-rdma on this host',
  });
}

/** @throws {RoamError} `ROAM_UNSUPPORTED` when module and package do not speak the same interface. */
export function checkAbi(device: string, abi: number): void {
  const expected = verbs().rxeAbi;
  if (abi === expected) return;
  throw new RoamError(
    'ROAM_UNSUPPORTED',
    `the rdma_rxe module behind ${device} has version ${abi} of the migration interface, this package ${expected}`,
    { remedy: 'build the module and the package from the same release, and load the module again' },
  );
}
