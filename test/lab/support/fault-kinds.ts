// What can go wrong with a migration, where and when.

/** Phases in which something can go wrong, and what the progress tells just before. */
export const AFTER = {
  prepare: 'preflight',
  dump: 'announce',
  transfer: 'dump',
  address: 'transfer',
  restore: 'address',
  verify: 'restore',
  commit: 'verify',
  resume: 'commit',
  settle: 'resume',
} as const;
export type FaultPhase = keyof typeof AFTER;
export const FAULT_PHASES = Object.keys(AFTER) as FaultPhase[];

export interface Fault {
  at: 'source' | 'destination';
  action: string;
  /** Brings the node back when the engine has given up or ended. */
  repair?: string;
  /** Where else than in every phase it means something. */
  phases?: FaultPhase[];
  /** It waits for its moment by itself, from this phase on. */
  from?: FaultPhase;
  /** The move is expected to succeed all the same. */
  harmless?: boolean;
}

const CUT = `nft -f - <<'END'
table inet cut {
  chain i { type filter hook input priority -300; iifname "eth0" drop; }
  chain o { type filter hook output priority -300; oifname "eth0" drop; }
}
END`;
const MEND = 'nft delete table inet cut 2>/dev/null; true';

const SQUEEZED = '/sys/fs/cgroup/squeezed';

export const FAULTS = {
  'engine killed': { at: 'source', action: 'kill -9 $(cat /root/engine.pid)' },
  // Before the dump it may have to be waited for.
  'source CRIU killed': {
    at: 'source',
    action: 'until pkill -9 -o -x criu; do sleep 0.05; done',
    phases: ['dump', 'transfer', 'address', 'restore', 'verify', 'commit'],
  },
  // Between the kill and the end CRIU is not needed any more; but what looks after the process must not take it for one
  // that runs on. CRIU is the last to get the processor, or it would have ended before it is seen.
  'source CRIU killed at the end': {
    at: 'source',
    action: `python3 -c '
import os, signal, subprocess, sys, time
criu = int(subprocess.check_output(["pgrep", "-o", "-x", "criu"]))
os.sched_setscheduler(criu, os.SCHED_IDLE, os.sched_param(0))
fd = os.pidfd_open(criu)
def exiting():
    try: text = open("/proc/" + sys.argv[1] + "/stat").read()
    except OSError: return True
    return int(text.rsplit(")", 1)[1].split()[6]) & 4
while not exiting(): time.sleep(0.0005)
signal.pidfd_send_signal(fd, signal.SIGKILL)' "$(cat /root/moving.pid)"`,
    phases: ['commit'],
    // A node needs two seconds to start Python.
    from: 'address',
    harmless: true,
  },
  'agent killed': { at: 'destination', action: `kill -9 $(pgrep -o -f '[r]oam agent')` },
  'destination CRIU killed': {
    at: 'destination',
    action: 'until pkill -9 -o -x criu; do sleep 0.05; done',
    phases: ['restore'],
  },
  'link cut for 5 s': { at: 'destination', action: `${CUT}\nsleep 5; ${MEND}`, harmless: true },
  'link cut for good': { at: 'destination', action: CUT, repair: MEND },
  'destination full': {
    at: 'destination',
    // No smaller than what is in it already: that would be refused.
    action: 'mount -o remount,size=$(($(df -B1 --output=used /dev/shm | tail -n 1) + 65536)) /dev/shm',
    repair: 'mount -o remount,size=50% /dev/shm',
    phases: ['dump', 'transfer'],
  },
  // Of the agent and of all that it starts: what it has is charged to where it was, what it takes from now on is too much.
  'destination out of memory': {
    at: 'destination',
    action: `echo +memory >/sys/fs/cgroup/cgroup.subtree_control
      mkdir -p ${SQUEEZED}; echo 256K >${SQUEEZED}/memory.max
      for pid in $(pgrep -f '[r]oam agent'); do echo $pid >${SQUEEZED}/cgroup.procs; done`,
    repair: `cat ${SQUEEZED}/memory.events >&2; grep -q 'oom_kill [1-9]' ${SQUEEZED}/memory.events || exit 1
      for n in $(seq 100); do rmdir ${SQUEEZED} 2>/dev/null && exit; sleep 0.2; done; exit 1`,
    phases: ['dump', 'transfer', 'restore'],
  },
  'destination lacks the module': {
    at: 'destination',
    action: 'sh /usr/lib/roam/guest/load-rxe stock',
    repair: 'sh /usr/lib/roam/guest/load-rxe roam',
    phases: ['prepare', 'dump'],
  },
  'number taken': {
    at: 'destination',
    action: `cat /proc/sys/net/rdma_rxe/last_qpn >/root/last.qpn
      echo $(($(cat /root/moving.qpn) - 1)) >/proc/sys/net/rdma_rxe/last_qpn
      setsid /usr/lib/roam/workloads/unsupported uc >/root/taker.out 2>&1 </dev/null &
      until grep -q running /root/taker.out; do sleep 0.1; done`,
    repair: 'kill -USR1 $(pidof unsupported); cat /root/last.qpn >/proc/sys/net/rdma_rxe/last_qpn',
    phases: ['prepare', 'dump', 'transfer'],
  },
} satisfies Record<string, Fault>;
export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** Pairs that mean something. */
export const CELLS = FAULT_NAMES.flatMap((fault) => {
  const { phases }: Fault = FAULTS[fault];
  return (phases ?? FAULT_PHASES).map((phase) => ({ phase, fault }));
});

/** Where the process is to be afterwards. */
export function expected(phase: FaultPhase, { harmless }: Fault): ('stays' | 'moves')[] {
  if (harmless || phase === 'resume' || phase === 'settle') return ['moves'];
  // Aimed at a moment: it may come when that has passed.
  return phase === 'commit' || phase === 'verify' ? ['stays', 'moves'] : ['stays'];
}
