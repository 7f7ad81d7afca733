// Two dumps, object by object.
import type { ImageContext, ImageDifference, ImageObject, ImageReport } from './types.js';

interface Entity extends ImageObject {
  fields: Map<string, unknown>;
}

/** Fields by their paths, such as `psn.req`; a list of plain values is one. */
function flatten(value: object, prefix = '', into = new Map<string, unknown>()): Map<string, unknown> {
  for (const [name, field] of Object.entries(value)) {
    const isGroup = typeof field === 'object' && field !== null && !Array.isArray(field);
    if (isGroup) flatten(field, `${prefix}${name}.`, into);
    else if (field !== undefined) into.set(`${prefix}${name}`, field);
  }
  return into;
}

const entity = (kind: ImageObject['kind'], name: string, fields: object): Entity => ({
  kind,
  name,
  fields: flatten(fields),
});

function entitiesOf({ imageVersion, rounds, processes, contexts }: ImageReport): Entity[] {
  return [
    entity('dump', 'images', { imageVersion, rounds: rounds.length }),
    ...processes.map((process) => entity('process', `pid ${process.pid}`, process)),
    ...contexts.flatMap(objectsOf),
  ];
}

function objectsOf(context: ImageContext): Entity[] {
  const { pds, channels, asyncFiles, cqs, srqs, ahs, mrs, mws, qps, name, ...own } = context;
  // The number of an open file is made anew by each restore.
  const withoutId = ({ id, ...file }: ImageContext['channels'][number]) => file;
  return [
    entity('context', name, own),
    ...pds.map((pd) => entity('PD', `${name} handle ${pd.handle}`, pd)),
    ...channels.map((file) => entity('channel', file.name, withoutId(file))),
    ...asyncFiles.map((file) => entity('async file', file.name, withoutId(file))),
    ...cqs.map((cq) => entity('CQ', `${name} handle ${cq.handle}`, cq)),
    ...srqs.map((srq) => entity('SRQ', `${name} number ${srq.number}`, srq)),
    ...ahs.map((ah) => entity('AH', `${name} number ${ah.number}`, ah)),
    ...mrs.map((mr) => entity('MR', `${name} lkey 0x${mr.lkey.toString(16)}`, mr)),
    // Not by its rkey, which each bind changes.
    ...mws.map((mw) => entity('MW', `${name} handle ${mw.handle}`, mw)),
    ...qps.map((qp) => entity('QP', `${name} QPN ${qp.qpn}`, qp)),
  ];
}

const keyOf = ({ kind, name }: ImageObject): string => `${kind} ${name}`;
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What has come, gone and changed from one dump to another. A field that one of them lacks is null there. */
export function compareImages(before: ImageReport, after: ImageReport): ImageDifference {
  const old = new Map(entitiesOf(before).map((object) => [keyOf(object), object]));
  const now = new Map(entitiesOf(after).map((object) => [keyOf(object), object]));
  const plain = ({ kind, name }: Entity): ImageObject => ({ kind, name });
  const changed: ImageDifference['changed'] = [];
  for (const [key, object] of now) {
    const its = old.get(key)?.fields;
    if (!its) continue;
    for (const field of new Set([...its.keys(), ...object.fields.keys()])) {
      const [was, is] = [its.get(field) ?? null, object.fields.get(field) ?? null];
      if (!same(was, is)) changed.push({ ...plain(object), field, before: was, after: is });
    }
  }
  return {
    before: before.dir,
    after: after.dir,
    added: [...now].filter(([key]) => !old.has(key)).map(([, object]) => plain(object)),
    removed: [...old].filter(([key]) => !now.has(key)).map(([, object]) => plain(object)),
    changed,
  };
}
