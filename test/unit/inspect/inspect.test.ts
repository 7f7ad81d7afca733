import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { differenceText, reportText } from '../../../src/cli/inspect.js';
import { compareImages, inspectImages } from '../../../src/inspect/index.js';
import { sizeOf } from '../../../src/inspect/layout.js';
import { roam_rxe_mcast, roam_rxe_mw } from '../../../src/inspect/layouts.js';
import { contextImage, scratch, wholeDump, writeDump } from './images.js';
import { ahRecord, allRecords, asyncRecord, mwRecord, pdRecord, srqRecord } from './records.js';

let dir: string;
beforeEach(async () => {
  dir = await scratch();
});
afterEach(() => rm(dir, { recursive: true }));

describe('the images of a dump', () => {
  it('tell the processes and every object', async () => {
    const report = await inspectImages(await writeDump(dir, wholeDump()));
    expect(report).toMatchObject({ dir, imageVersion: 2, rounds: [] });
    expect(report.processes).toEqual([
      {
        pid: 17,
        ppid: 0,
        pgid: 17,
        sid: 17,
        comm: 'server',
        threads: [17, 19],
        memory: { mapped: 0x9000, pages: { present: 3, inParent: 5, lazy: 7 } },
      },
      { pid: 18, ppid: 17, pgid: 17, sid: 17, comm: 'child', threads: [18] },
    ]);
    expect(report.contexts).toHaveLength(1);
    const [context] = report.contexts;
    expect(context).toMatchObject({
      number: 0,
      name: 'pid 17 fd 4',
      device: 'rxe0',
      uverbs: 'uverbs0',
      compVectors: 2,
      watch: ['moves'],
      pids: [17],
      pds: [{ handle: 0 }],
      channels: [{ name: 'pid 17 fd 5', id: '0xc0ffee', unread: [] }],
      asyncFiles: [{ name: 'pid 17 fd 6', id: '0xa5', unread: [{ type: 4, handle: 3 }] }],
      cqs: [{ handle: 1, depth: 63, completions: 5, armed: 'next', channel: 'pid 17 fd 5' }],
      mrs: [
        {
          handle: 2,
          lkey: 0x402a9,
          start: '0x7f0000001000',
          length: 8192,
          access: ['LOCAL_WRITE', 'REMOTE_WRITE', 'REMOTE_READ'],
        },
      ],
    });
    expect(context?.qps).toMatchObject([
      {
        qpn: 18,
        type: 'RC',
        state: 'RTS',
        migrationState: 'stopped',
        migrationFlags: ['stopped', 'resuming'],
        destQpn: 4711,
        groups: ['ff0e::d1:1'],
        sgid: '::ffff:10.0.1.7',
        dgid: '::ffff:10.0.1.8',
        pathMtu: 1024,
        psn: { req: 1000, comp: 990, resp: 2000 },
        msn: 12,
        send: { depth: 16, sges: 2, posted: 5 },
        recv: { depth: 8, sges: 1, posted: 3 },
        epoch: 3,
        peerEpoch: 2,
      },
    ]);
    expect(context?.qps[0]).not.toHaveProperty('srq');
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('tell SRQs, AHs and memory windows', async () => {
    const [context] = (await inspectImages(await writeDump(dir, wholeDump()))).contexts;
    expect(context?.srqs).toEqual([
      { number: 77, handle: 4, pd: 0, depth: 10, sges: 2, posted: 6, limit: 4 },
    ]);
    expect(context?.ahs).toEqual([
      {
        number: 33,
        handle: 5,
        pd: 0,
        port: 1,
        sgid: '::ffff:10.0.1.7',
        dgid: '::ffff:10.0.1.9',
        sgidIndex: 2,
        flowLabel: 0,
        hopLimit: 64,
        trafficClass: 0,
      },
    ]);
    expect(context?.mws).toEqual([
      {
        handle: 6,
        pd: 0,
        type: 2,
        rkey: 0x1503,
        state: 'valid',
        mrLkey: 0x402a9,
        qpn: 18,
        addr: '0x7f0000002000',
        length: 4096,
        access: ['REMOTE_WRITE'],
      },
    ]);
  });

  it('have an unread event of an SRQ, and a window that is not bound', async () => {
    const unbound = { state: 1, access: 0, mr_lkey: 0, qpn: 0, addr: 0n, length: 0n };
    const records = [asyncRecord(4), pdRecord(), srqRecord({ limit: 0 }), mwRecord(unbound)];
    const files = wholeDump().set('roam-rdma-ctx-0.img', contextImage(records));
    const report = await inspectImages(await writeDump(dir, files));
    const [context] = report.contexts;
    expect(context?.asyncFiles[0]?.unread).toEqual([{ type: 4, handle: 4 }]);
    expect(context?.mws[0]).toMatchObject({ state: 'free', length: 0, access: [] });
    expect(context?.mws[0]).not.toHaveProperty('mrLkey');
    expect(context?.mws[0]).not.toHaveProperty('qpn');
    expect(reportText(report)).toMatch(/^ +4 +77 +0 +6\/10 +-$/m);
    expect(reportText(report)).toMatch(/^ 6 +0x1503 +0 +2 +free +- +- +0x0 +0 B$/m);
  });

  it('have a UD QP, which has no peer, with an SRQ in place of a receive queue', async () => {
    const none = { dest_qpn: 0, dgid: new Uint8Array(16), sgid: new Uint8Array(16) };
    const files = wholeDump({ qp_type: 4, srq: 4, max_recv_wr: 0, ...none });
    const report = await inspectImages(await writeDump(dir, files));
    expect(report.contexts[0]?.qps).toMatchObject([
      { type: 'UD', srq: 4, destQpn: 0, sgid: '::', send: { posted: 5 }, recv: { depth: 0, posted: 0 } },
    ]);
    expect(reportText(report)).toMatch(
      /^ 18 +UD +RTS +stopped +- +1000 +990 +2000 +12 +5\/16 +SRQ 4 +3 +2 +- +ff0e::d1:1$/m,
    );
  });

  it('are found in the directory that a migration leaves, with its rounds', async () => {
    await writeDump(join(dir, 'images'), wholeDump());
    await writeDump(join(dir, 'images.2'), new Map());
    await writeDump(join(dir, 'images.1'), new Map());
    const report = await inspectImages(dir);
    expect(report.dir).toBe(join(dir, 'images'));
    expect(report.rounds).toEqual([join(dir, 'images.1'), join(dir, 'images.2')]);
  });

  it('need not have RDMA, nor pages beside them', async () => {
    const files = [...wholeDump()].filter(([name]) => !/^roam|^pagemap/.test(name));
    const report = await inspectImages(await writeDump(dir, new Map(files)));
    expect(report.contexts).toEqual([]);
    expect(report.processes[0]?.memory).toEqual({ mapped: 0x9000 });
  });

  it('say so where the program has spoilt a ring', async () => {
    const sq = { buf_size: 384n + 32n * 64n, index: 29 };
    const files = wholeDump({ sq });
    const image = files.get('roam-rdma-ctx-0.img') as Buffer;
    const tail = image.length - sizeOf(roam_rxe_mcast) - sizeOf(roam_rxe_mw) - (384 + 16 * 64);
    // The mask of the receive queue, which is the last thing before the window.
    image.writeUInt32LE(5, tail + 4);
    const [context] = (await inspectImages(await writeDump(dir, files))).contexts;
    expect(context?.qps[0]).toMatchObject({ send: { posted: 5 }, recv: { posted: null } });
  });

  it('are shown to people', async () => {
    const text = reportText(await inspectImages(await writeDump(dir, wholeDump())));
    expect(text).toMatch(/: 2 processes, 1 verbs context \(CRIU images of version 2\)$/m);
    expect(text).toMatch(/^ 17 +0 +server +2 +36\.0 KiB +3 +5 +7$/m);
    expect(text).toMatch(
      /^pid 17 fd 4: rxe0 \(uverbs0\), 1 PD, 1 completion channel; it watches moves; 1 unread/m,
    );
    expect(text).toMatch(/^ 18 +RC +RTS +stopped +4711 +1000 +990 +2000 +12 +5\/16 +3\/8 +3 +2 /m);
    expect(text).toContain('0x402a9');
    expect(text).toMatch(/^ +4 +77 +0 +6\/10 +4$/m);
    expect(text).toMatch(/^ 6 +0x1503 +0 +2 +valid +0x402a9 +18 +0x7f0000002000 +4\.0 KiB +REMOTE_WRITE$/m);
    expect(text).toMatch(/^ 5 +33 +0 +2 +::ffff:10\.0\.1\.7 +::ffff:10\.0\.1\.9$/m);
  });
});

describe('the difference of two dumps', () => {
  const both = async (before: Map<string, Buffer>, after: Map<string, Buffer>) =>
    compareImages(
      await inspectImages(await writeDump(join(dir, 'before'), before)),
      await inspectImages(await writeDump(join(dir, 'after'), after)),
    );

  it('is empty for the same', async () => {
    const difference = await both(wholeDump(), wholeDump());
    expect(difference).toEqual({
      before: join(dir, 'before'),
      after: join(dir, 'after'),
      added: [],
      removed: [],
      changed: [],
    });
    expect(differenceText(difference)).toMatch(/no difference$/);
  });

  it('names the field, before and after', async () => {
    const difference = await both(wholeDump(), wholeDump({ req_psn: 1001, state: 6, epoch: 4 }));
    const object = { kind: 'QP', name: 'pid 17 fd 4 QPN 18' };
    expect(difference).toMatchObject({ added: [], removed: [] });
    expect(difference.changed).toEqual([
      { ...object, field: 'state', before: 'RTS', after: 'ERR' },
      { ...object, field: 'psn.req', before: 1000, after: 1001 },
      { ...object, field: 'epoch', before: 3, after: 4 },
    ]);
    expect(differenceText(difference)).toMatch(/^QP pid 17 fd 4 QPN 18 +psn\.req +1000 +1001$/m);
  });

  it('names what has come and gone, and a field that only one has', async () => {
    const after = wholeDump({ qpn: 20 });
    after.delete('pagemap-17.img');
    const { added, removed, changed } = await both(wholeDump(), after);
    expect(added).toEqual([{ kind: 'QP', name: 'pid 17 fd 4 QPN 20' }]);
    expect(removed).toEqual([{ kind: 'QP', name: 'pid 17 fd 4 QPN 18' }]);
    expect(changed[0]).toEqual({
      kind: 'process',
      name: 'pid 17',
      field: 'memory.pages.present',
      before: 3,
      after: null,
    });
  });

  it('names SRQs and AHs by their numbers, and windows by their handles', async () => {
    // All but the SRQ, AH and MW, which come changed.
    const other = allRecords().filter((_, i) => ![4, 5, 8].includes(i));
    other.push(srqRecord({ limit: 0 }), ahRecord({ ah_num: 34 }), mwRecord({ rkey: 0x1504, qpn: 0 }));
    const after = wholeDump().set('roam-rdma-ctx-0.img', contextImage(other));
    const { added, removed, changed } = await both(wholeDump(), after);
    expect(added).toEqual([{ kind: 'AH', name: 'pid 17 fd 4 number 34' }]);
    expect(removed).toEqual([{ kind: 'AH', name: 'pid 17 fd 4 number 33' }]);
    expect(changed).toEqual([
      { kind: 'SRQ', name: 'pid 17 fd 4 number 77', field: 'limit', before: 4, after: 0 },
      { kind: 'MW', name: 'pid 17 fd 4 handle 6', field: 'rkey', before: 0x1503, after: 0x1504 },
      { kind: 'MW', name: 'pid 17 fd 4 handle 6', field: 'qpn', before: 18, after: null },
    ]);
  });
});
