// Builds the addons to be shipped: prebuilds/linux-ARCH, for any Node and glibc no older than this machine's.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const release = path.join(root, 'build/Release');
const target = path.join(root, `prebuilds/linux-${process.arch}`);

function run(command, args, env) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

// Node brings a libstdc++ of its own, of another age than that of the machine.
run(process.execPath, ['scripts/install-addons.mjs', '--strict', '--build'], {
  LDFLAGS: '-static-libstdc++ -static-libgcc',
});
rmSync(path.join(root, 'prebuilds'), { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const file of readdirSync(release).filter((name) => name.endsWith('.node'))) {
  copyFileSync(path.join(release, file), path.join(target, file));
  run('strip', ['--strip-unneeded', path.join(target, file)]);
}
