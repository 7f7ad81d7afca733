// Bundles the compiled `roam` command and its dependencies into dist/bin. Loading hundreds of small
// files is most of the time that `roam` takes to start, and a migration waits for it on two hosts.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
await rm(`${dist}/bin`, { recursive: true, force: true });
await build({
  entryPoints: [`${dist}/cli/main.js`],
  outdir: `${dist}/bin`,
  bundle: true,
  // Keeps what is imported on demand in files of its own.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // CommonJS packages inside ask for Node's own modules with `require`.
  banner: {
    js: "import { createRequire as roamCreateRequire } from 'node:module'; const require = roamCreateRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
