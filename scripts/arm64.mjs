// Builds the addons for arm64 on another Debian machine: Debian's cross compiler, and arm64 libraries that are
// unpacked, not installed.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
// node-gyp empties build/.
const work = path.join(root, 'node_modules/.cache/roam-arm64');
const TRIPLET = 'aarch64-linux-gnu';
/** What is linked with: headers are the same everywhere, but symbols have versions, which libraries tell. */
const TO_LINK = ['libibverbs1', 'libibverbs-dev', 'librdmacm1', 'librdmacm-dev'];

/** Where {@link unpack} puts the arm64 libraries. */
export const sysroot = path.join(work, 'sysroot');
/** The program that strips what {@link crossBuild} makes. */
export const strip = `${TRIPLET}-strip`;

function run(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  });
  if (status === 0) return;
  const said = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').slice(-10).join('\n');
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? said}`);
}

/** Why arm64 addons cannot be built here; undefined when they can. */
export function missing() {
  const tools = { [`${TRIPLET}-g++`]: `g++-${TRIPLET}`, 'apt-get': 'apt', 'dpkg-deb': 'dpkg', make: 'make' };
  const absent = Object.keys(tools).filter((tool) => spawnSync(tool, ['--version']).status !== 0);
  if (absent.length === 0) return undefined;
  return `${absent.join(', ')} not found (Debian: ${absent.map((tool) => tools[tool]).join(', ')})`;
}

/** Brings Debian packages of arm64 into the sysroot, with an apt of its own: the machine's is left alone. */
export function unpack(packages) {
  const apt = path.join(work, 'apt');
  const debs = path.join(apt, 'debs');
  for (const dir of ['lists/partial', 'cache/archives/partial', 'debs'])
    mkdirSync(path.join(apt, dir), { recursive: true });
  writeFileSync(path.join(apt, 'status'), '');
  const settings = {
    'APT::Architecture': 'arm64',
    'APT::Architectures::': 'arm64',
    'APT::Sandbox::User': 'root',
    'Dir::State': apt,
    'Dir::State::status': path.join(apt, 'status'),
    'Dir::Cache': path.join(apt, 'cache'),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const there = readdirSync(debs);
  const absent = packages.filter((name) => !there.some((deb) => deb.startsWith(`${name}_`)));
  if (absent.length > 0) {
    run('apt-get', ['-q', ...flags, 'update']);
    run('apt-get', ['-q', ...flags, 'download', ...absent], { cwd: debs });
  }
  mkdirSync(sysroot, { recursive: true });
  for (const deb of readdirSync(debs)) run('dpkg-deb', ['-x', path.join(debs, deb), sysroot]);
}

/** Builds them. @returns the directory that has them. */
export function crossBuild() {
  unpack(TO_LINK);
  // In a copy of the sources: node-gyp would replace the build for this machine.
  const tree = path.join(work, 'tree');
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  for (const part of ['native', 'binding.gyp', 'package.json'])
    cpSync(path.join(root, part), path.join(tree, part), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
  const env = {
    ...process.env,
    CC: `${TRIPLET}-gcc`,
    CXX: `${TRIPLET}-g++`,
    AR: `${TRIPLET}-ar`,
    CPATH: path.join(sysroot, 'usr/include'),
    LDFLAGS: [
      `-L${path.join(sysroot, 'usr/lib', TRIPLET)}`,
      // What the libraries need themselves is not there.
      '-Wl,--allow-shlib-undefined',
      '-static-libstdc++ -static-libgcc',
    ].join(' '),
  };
  const gyp = path.join(root, 'node_modules/node-gyp/bin/node-gyp.js');
  // Node's own headers are the same everywhere.
  const nodedir = path.dirname(path.dirname(process.execPath));
  run(process.execPath, [gyp, 'rebuild', '--arch=arm64', `--nodedir=${nodedir}`, '--jobs=2'], {
    cwd: tree,
    env,
  });
  return path.join(tree, 'build/Release');
}
