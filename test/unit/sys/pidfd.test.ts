import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { closeFd, PidFd } from '../../../src/sys/index.js';

describe('PidFd', () => {
  it('signals a process and waits for its end', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    const exit = once(child, 'exit');
    using process = PidFd.open(child.pid as number);
    process.kill(0);
    const exited = process.exited();
    process.kill('SIGTERM');
    await exited;
    expect(await exit).toEqual([null, 'SIGTERM']);
    expect(() => process.kill(0)).toThrow(/ESRCH/);
  });

  it('takes a descriptor of another process', async () => {
    const file = openSync('/proc/self/maps', 'r');
    const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', file] });
    try {
      using process = PidFd.open(child.pid as number);
      const taken = process.getFd(3);
      expect(fstatSync(taken).ino).toBe(fstatSync(file).ino);
      closeFd(taken);
      expect(() => process.getFd(57)).toThrow(
        expect.objectContaining({ code: 'EBADF', syscall: 'pidfd_getfd' }),
      );
    } finally {
      closeSync(file);
      child.kill('SIGKILL');
    }
  });

  it('says that there is no such process, and that it is closed', () => {
    expect(() => PidFd.open(4_194_303)).toThrow(
      expect.objectContaining({ code: 'ESRCH', syscall: 'pidfd_open' }),
    );
    expect(() => PidFd.open(0)).toThrow(RangeError);
    const self = PidFd.open(process.pid);
    self.close();
    self.close();
    expect(() => self.fd).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
