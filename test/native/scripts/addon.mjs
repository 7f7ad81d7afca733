// The bare addon: what is tested here lies under the TypeScript classes.
import { createRequire } from 'node:module';
import { readdirSync } from 'node:fs';

const directory = process.env.ROAM_NATIVE_DIR ?? new URL('../../../build/Release', import.meta.url).pathname;
export const sys = createRequire(import.meta.url)(`${directory}/roam_sys.node`);
export const openFds = () => readdirSync('/proc/self/fd').length;
