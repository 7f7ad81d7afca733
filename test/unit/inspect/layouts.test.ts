import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Layout, readStruct, sizeOf } from '../../../src/inspect/layout.js';
import { roam_rxe_qp } from '../../../src/inspect/layout-qp.js';
import * as layouts from '../../../src/inspect/layouts.js';

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../../native/${path}`, import.meta.url)), 'utf8');
const module = read('include/roam_rxe.h');
const plugin = read('criu-plugin/image.h');

/** A struct of a header as `name: type` lines, in order. */
function declared(header: string, name: string): string[] {
  const [, body = ''] = new RegExp(`struct ${name} \\{(.*?)\\n\\};`, 's').exec(header) ?? [];
  const statements = body.replace(/\/\*.*?\*\//gs, '').split(';');
  return statements.flatMap((statement) => {
    const [, type = '', names = ''] = /^\s*((?:struct )?\w+)\s+(.*)$/s.exec(statement) ?? [];
    const plain = type.replace(/^__|^struct |_t$/g, '').replace(/^uint|^int/, (word) => word[0] ?? '');
    return names
      .split(',')
      .filter((one) => one.trim())
      .map((one) => {
        const [, field, count] = /^\s*(\w+)(?:\[(\d+)\])?$/.exec(one) ?? [];
        return `${field}: ${count ?? plain}`;
      });
  });
}

const named = new Map<Layout, string>(
  Object.entries({ ...layouts, roam_rxe_qp }).flatMap(([name, value]) =>
    typeof value === 'object' && /^(roam_rxe|img)_/.test(name) ? [[value as Layout, name]] : [],
  ),
);

const described = (layout: Layout): string[] =>
  Object.entries(layout).map(
    ([name, type]) => `${name}: ${typeof type === 'object' ? named.get(type) : type}`,
  );

const constant = (header: string, name: string): number =>
  Number(new RegExp(`#define ${name}\\s+(0x[\\da-f]+|\\d+)`).exec(header)?.[1]);

describe('the layouts of images', () => {
  it.each([...named].map(([layout, name]) => ({ layout, name })))(
    '$name is what its header says',
    ({ layout, name }) => {
      const fields = declared(name.startsWith('img') ? plugin : module, name);
      expect(fields.length).toBeGreaterThan(0);
      expect(described(layout)).toEqual(fields);
    },
  );

  it('have no holes: each field is at a multiple of its size', () => {
    for (const [layout, name] of named) {
      let at = 0;
      for (const [field, type] of Object.entries(layout)) {
        const size = sizeOf({ field: type });
        const align = typeof type === 'object' ? 8 : typeof type === 'number' ? 1 : size;
        expect(at % align, `${name}.${field}`).toBe(0);
        at += size;
      }
    }
  });

  it('have the versions, magics and record types of the headers', () => {
    expect(layouts.IMAGE_VERSION).toBe(constant(plugin, 'IMG_VERSION'));
    expect(layouts.CONTEXT_MAGIC).toBe(constant(plugin, 'IMG_CTX_MAGIC'));
    expect(layouts.DESCRIPTOR_MAGIC).toBe(constant(plugin, 'IMG_FD_MAGIC'));
    expect(layouts.DUMP_VERSION).toBe(constant(module, 'ROAM_RXE_DUMP_VERSION'));
    expect(layouts.DUMP_MAGIC).toBe(constant(module, 'ROAM_RXE_DUMP_MAGIC'));
    const [, body = ''] = /enum roam_rxe_type \{(.*?)\}/s.exec(module) ?? [];
    const names = body.split(',').map((line) =>
      line
        .trim()
        .replace(/^ROAM_RXE_T_/, '')
        .replace(/ = 1$/, ''),
    );
    for (const [name, type] of Object.entries(layouts.RECORD_TYPE))
      expect(names.indexOf(name) + 1).toBe(type);
    expect([layouts.img_ctx, layouts.img_fd, layouts.roam_rxe_dump_hdr].map(sizeOf)).toEqual([64, 40, 96]);
  });
});

describe('a struct', () => {
  it('is read in little endian, and not beyond its bytes', () => {
    const layout = { a: 'u32', b: 'i32', c: 'u64', d: 2, e: { f: 'u8' } } as const;
    const bytes = Buffer.from('ff01000000feffffff0200000000000080aabb07', 'hex');
    expect(readStruct(layout, bytes, 1)).toEqual({
      a: 1,
      b: -2,
      c: 0x8000000000000002n,
      d: Buffer.from('aabb', 'hex'),
      e: { f: 7 },
    });
    expect(() => readStruct(layout, bytes, 2)).toThrow(RangeError);
    expect(() => readStruct(layout, bytes, -1)).toThrow(RangeError);
  });
});
