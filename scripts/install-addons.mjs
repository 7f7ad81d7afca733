// npm's install hook: builds the native addons for the running Node, unless the package brings them (--build:
// even then).
// A machine without compiler or libibverbs can still use what needs neither, so the hook says what is
// missing and succeeds; with --strict it fails.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const strict = process.argv.includes('--strict');
const release = path.join(root, 'build/Release');

// They speak Node-API, so that any Node can load them, if the C library is not too old.
const prebuilt = path.join(root, `prebuilds/linux-${process.arch}/roam_sys.node`);
if (existsSync(prebuilt) && !process.argv.includes('--build') && loads(prebuilt)) process.exit(0);

function loads(file) {
  try {
    createRequire(import.meta.url)(file);
    return true;
  } catch {
    return false;
  }
}

function giveUp(reason, remedy) {
  process.stderr.write(
    `roam-rdma: the native addons were not built: ${reason}; ${remedy}, then run 'npm run rebuild'.\n`,
  );
  process.exit(strict ? 1 : 0);
}

function works(command, args, input) {
  return spawnSync(command, args, { input, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
}

// The headers that belong to this Node: node-gyp would download others.
const prefix = path.dirname(path.dirname(process.execPath));
if (!existsSync(path.join(prefix, 'include/node/node_api.h')))
  giveUp(
    `${prefix}/include/node has no headers of Node ${process.version}`,
    'install them (Debian: libnode-dev)',
  );
if (!works('make', ['--version']) || !works(process.env.CXX ?? 'c++', ['--version']))
  giveUp('make or a C++ compiler is missing', 'install them (Debian: g++ make)');
if (!works('python3', ['--version'])) giveUp('python3 is missing', 'install it (Debian: python3)');

// npx links an unbuilt checkout before its dependencies are there.
let nodeGyp;
try {
  nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
} catch {
  giveUp('node-gyp is not installed', "run 'npm ci'");
}
const args = [nodeGyp, 'rebuild', `--nodedir=${prefix}`, '--jobs=2'];
const build = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
if (build.status !== 0) {
  const lines = `${build.stdout}${build.stderr}`.split('\n');
  const errors = lines.filter((line) => /\berror\b/i.test(line));
  process.stderr.write(`${(errors.length > 0 ? errors.slice(0, 10) : lines.slice(-10)).join('\n')}\n`);
  giveUp('the compiler failed', 'see the lines above');
}
for (const [addon, library] of [
  ['roam_verbs', 'libibverbs'],
  ['roam_rdmacm', 'librdmacm'],
])
  if (!existsSync(path.join(release, `${addon}.node`)))
    giveUp(
      `the headers of ${library} are missing, so ${addon} is not there`,
      `install them (Debian: ${library}-dev)`,
    );
