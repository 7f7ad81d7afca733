import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { create, isFieldSet, type MessageInitShape } from '@bufbuild/protobuf';
import { CriuError } from '../errors.js';
import { type criu_opts, criu_optsSchema } from './gen/criu-rpc_pb.js';

/** Options of a request: the fields of CRIU's `criu_opts`, in camel case (criu(8) explains them). */
export type CriuOptions = MessageInitShape<typeof criu_optsSchema>;

/** Options ready to be sent, and what must be undone after the request. */
export interface PreparedOptions {
  opts: criu_opts;
  /** CRIU's work directory, where its log is, as this process can open it. */
  workDirectory: string;
  release(): Promise<void>;
}

/**
 * Completes and checks the options.
 *
 * `images_dir_fd` is required by the interface and means "none" only as -1; 0 would be this process's
 * standard input. CRIU 4.1 fails on a path in `images_dir` unless it is a symbolic link, so a path is
 * opened here and sent as a descriptor. Notifications are asked for unless the caller refuses them:
 * without them CRIU would not notice that its client has died, and kill the dumped process after a
 * dump that nobody will restore.
 *
 * @throws {CriuError} `CRIU_BAD_OPTIONS`
 */
export async function prepareOptions(type: string, given: CriuOptions): Promise<PreparedOptions> {
  const opts = create(criu_optsSchema, given);
  if (given.notifyScripts === undefined) opts.notifyScripts = true;
  if (opts.logFile.includes('/')) {
    throw badOptions(
      type,
      `logFile must be a bare file name, not ${opts.logFile}`,
      'set workDirFd for its directory',
    );
  }
  if (given.imagesDirFd !== undefined && given.imagesDirFd >= 0) {
    return { opts, workDirectory: directoryOf(opts), release: async () => {} };
  }
  if (opts.imagesDir === '') {
    const remedy = 'set imagesDirFd (a descriptor of this process) or imagesDir (a path)';
    throw badOptions(type, 'a directory for the images is missing', remedy);
  }
  const directory = await open(opts.imagesDir, constants.O_RDONLY | constants.O_DIRECTORY).catch((cause) => {
    const remedy = 'create the directory, or name another one in imagesDir';
    throw badOptions(
      type,
      `the images directory cannot be opened: ${(cause as Error).message}`,
      remedy,
      cause,
    );
  });
  opts.imagesDirFd = directory.fd;
  opts.imagesDir = '';
  return { opts, workDirectory: directoryOf(opts), release: () => directory.close() };
}

function directoryOf(opts: criu_opts): string {
  return `/proc/self/fd/${isFieldSet(opts, criu_optsSchema.field.workDirFd) ? opts.workDirFd : opts.imagesDirFd}`;
}

function badOptions(type: string, problem: string, remedy: string, cause?: unknown): CriuError {
  const request = type.toLowerCase().replaceAll('_', '-');
  return new CriuError(`CRIU ${request}: ${problem}`, { type }, { code: 'CRIU_BAD_OPTIONS', remedy, cause });
}
