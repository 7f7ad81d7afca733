import { type NodeName, node, script } from './lab.js';

/**
 * Runs a shell script in a node at the moment when a migration has made its directory there: after preflight,
 * before the images are complete.
 */
export async function whenImagesArrive(name: NodeName, action: string, undo: string) {
  const watcher = `until ls -d /dev/shm/roam-* >/dev/null 2>&1; do sleep 0.05; done; ${action}
    echo done`;
  const pid = await (await node(name)).start(['sh', '-c', watcher], { log: '/root/sabotage.out' });
  return {
    /** @throws when the sabotage did not happen: then the test has shown nothing */
    async undo(): Promise<void> {
      const log = await script(name, 'cat /root/sabotage.out');
      await script(name, 'kill -9 "$1" 2>/dev/null || true', [String(pid)]);
      await script(name, undo);
      if (!/^done$/m.test(log)) throw new Error(`the sabotage on node ${name} did not happen: ${log}`);
    },
  };
}
