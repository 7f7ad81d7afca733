// Builds the addons to be shipped: prebuilds/linux-ARCH, for any Node and glibc no older than this machine's.
// For this machine's processor, and on x86-64 for arm64 too where the cross compiler is.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { crossBuild, strip as crossStrip, missing } from './arm64.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(command, args, env) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

function ship(arch, release, strip) {
  const target = path.join(root, `prebuilds/linux-${arch}`);
  mkdirSync(target, { recursive: true });
  for (const file of readdirSync(release).filter((name) => name.endsWith('.node'))) {
    copyFileSync(path.join(release, file), path.join(target, file));
    run(strip, ['--strip-unneeded', path.join(target, file)]);
  }
}

rmSync(path.join(root, 'prebuilds'), { recursive: true, force: true });
// Node brings a libstdc++ of its own, of another age than that of the machine.
run(process.execPath, ['scripts/install-addons.mjs', '--strict', '--build'], {
  LDFLAGS: '-static-libstdc++ -static-libgcc',
});
ship(process.arch, path.join(root, 'build/Release'), 'strip');

if (process.arch === 'x64') {
  const reason = missing();
  if (reason === undefined) ship('arm64', crossBuild(), crossStrip);
  else
    process.stderr.write(`prebuild: no addons for arm64: ${reason}; there they are built at installation.\n`);
} else {
  process.stderr.write(`prebuild: addons for ${process.arch} only.\n`);
}
