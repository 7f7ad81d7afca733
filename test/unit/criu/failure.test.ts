import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { criuFailure, type FailureFacts } from '../../../src/criu/failure.js';
import { criu_req_type, criu_respSchema } from '../../../src/criu/gen/criu-rpc_pb.js';

const log = [
  '(00.000100) Version: 4.1.1',
  "(00.010000) Error (criu/files-ext.c:98): Can't dump file 3 of that type (chr 231:192)",
  '(00.020000) Error (criu/cr-dump.c:2111): Dumping FAILED.',
].join('\n');
const failed = (fields: { crErrno?: number; crErrmsg?: string } = {}) =>
  create(criu_respSchema, { type: criu_req_type.DUMP, success: false, ...fields });
const facts = (fields: Partial<FailureFacts>): FailureFacts => ({
  type: 'DUMP',
  result: {},
  logText: '',
  stderr: '',
  ...fields,
});

describe('criuFailure', () => {
  it('tells the request, the stage, the first real error, the log and the remedy', () => {
    const error = criuFailure(
      facts({ result: { response: failed(), stage: 'network-lock' }, logText: log, logPath: '/w/dump.log' }),
    );
    expect(error.message).toBe(
      "CRIU dump failed after network-lock: Can't dump file 3 of that type (chr 231:192) (log: /w/dump.log)",
    );
    expect(error).toMatchObject({
      code: 'CRIU_FAILED',
      type: 'DUMP',
      stage: 'network-lock',
      remedy: expect.stringContaining('plugin'),
      logTail: expect.stringContaining('Dumping FAILED'),
    });
  });

  it("takes CRIU's own message when there is no log, and its number when there is nothing else", () => {
    const told = failed({ crErrno: 3, crErrmsg: 'Error (criu/ptrace.c:1): no such task\n' });
    expect(criuFailure(facts({ result: { response: told } })).message).toBe('CRIU dump failed: no such task');
    expect(criuFailure(facts({ result: { response: failed({ crErrno: 3 }) } })).message).toBe(
      'CRIU dump failed: error 3',
    );
    expect(criuFailure(facts({ result: { response: failed() } })).message).toBe(
      'CRIU dump failed: CRIU gave no reason',
    );
  });

  it('puts what the caller threw before what CRIU made of it', () => {
    const cause = new Error('destination is full');
    const result = { response: failed(), stage: 'post-dump', handlerError: cause };
    const error = criuFailure(
      facts({ result, logText: 'Error (criu/cr-service.c:1): RPC client reported script error' }),
    );
    expect(error.message).toBe('CRIU dump was given up at post-dump: destination is full');
    expect(error).toMatchObject({ code: 'CRIU_CANCELLED', cause });
  });

  it('becomes plain data', () => {
    const error = criuFailure(facts({ result: { response: failed() }, logText: log }));
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      name: 'CriuError',
      type: 'DUMP',
      message: error.message,
    });
  });
});
