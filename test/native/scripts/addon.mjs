// The bare addon: what is tested here lies under the TypeScript classes.

import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const directory = process.env.ROAM_NATIVE_DIR ?? new URL('../../../build/Release', import.meta.url).pathname;
export const sys = createRequire(import.meta.url)(`${directory}/roam_sys.node`);
export const openFds = () => readdirSync('/proc/self/fd').length;
