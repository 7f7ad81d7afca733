import type { LabPlan } from './plan.js';

/** Which rdma_rxe a node loads: this package's or Debian's own. */
export type RxeModule = 'roam' | 'stock';

/** How a node's processor runs. */
export type Accel = 'kvm' | 'tcg';

/** One node of a lab, as it boots. */
export interface NodeSpec {
  name: string;
  /** Position from 1: host part of its addresses, and its share of the id ranges. */
  index: number;
  module: RxeModule;
  /** Address of eth0, which rxe0 sits on. */
  ip: string;
  /** Address of the control interface, on which only the supervisor is reachable. */
  controlIp: string;
}

/** Port of the agent on the control interface. */
export const AGENT_PORT = 1077;

/** Addresses and number of every node. */
export function nodeSpecs(names: string[], module: (name: string) => RxeModule): NodeSpec[] {
  return names.map((name, i) => ({
    name,
    index: i + 1,
    module: module(name),
    ip: `10.77.0.${i + 1}`,
    controlIp: `10.78.0.${i + 1}`,
  }));
}

/** Names of a node's taps: the RDMA network and the control network. */
export function tapNames(index: number): { net: string; control: string } {
  return { net: `net${index}`, control: `ctl${index}` };
}

/**
 * Self-tests and the parsing of type information at boot are half of the kernel's own time under emulation.
 * A program whose addresses are the same each time finds itself translated already: node starts in half the time.
 */
const SLOW_UNDER_TCG =
  'norandmaps cryptomgr.notests initcall_blacklist=bpf_tcp_ca_kfunc_init,bpf_dummy_struct_ops_init,jent_mod_init';

/** One for a workload that polls, one for the migration of it. */
const PROCESSORS = 2;

/** Arguments for qemu-system-x86_64. Machine model, quirks and devices are decided here alone. */
export function qemuArgs(node: NodeSpec, plan: LabPlan, consoleFile: string): string[] {
  const { image } = plan;
  const taps = tapNames(node.index);
  const mac = (net: number) => `52:54:00:77:0${net}:${node.index.toString(16).padStart(2, '0')}`;
  const nic = (id: string, tap: string, address: string) => [
    '-netdev',
    `tap,id=${id},ifname=${tap},script=no,downscript=no`,
    '-device',
    `virtio-net-pci,netdev=${id},mac=${address},romfile=`,
  ];
  return [
    ...accelArgs(plan.accel),
    ...[
      '-name',
      `roam-${node.name}`,
      '-machine',
      'pc,usb=off,vmport=off',
      '-smp',
      String(PROCESSORS),
      '-m',
      String(plan.memory),
    ],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-serial', `file:${consoleFile}`],
    ...['-drive', `file=${image.base.rootDisk},format=raw,if=virtio,snapshot=on,cache=unsafe,aio=threads`],
    ...['-drive', `file=${image.payload.disk},format=raw,if=virtio,snapshot=on,cache=unsafe,aio=threads`],
    ...nic('net', taps.net, mac(0)),
    ...nic('ctl', taps.control, mac(1)),
    ...['-kernel', image.kernel, '-initrd', image.payload.initramfs],
    '-append',
    [
      'console=ttyS0 quiet loglevel=5 panic=-1 oops=panic mitigations=off audit=0 apparmor=0 net.ifnames=0',
      'random.trust_cpu=on no_timer_check',
      // Calibrated against emulated timers on a busy host, the guest's clock would run several times too fast.
      ...(plan.accel === 'tcg' ? [`tsc=reliable tsc_early_khz=${plan.tscKhz}`, SLOW_UNDER_TCG] : []),
      `roam_node=${node.name} roam_n=${node.index} roam_hosts=${plan.nodes.map((other) => other.name).join(',')} roam_module=${node.module}`,
      // Such as slub_debug=FZPU: for a look at the kernel.
      process.env.ROAM_LAB_APPEND ?? '',
    ].join(' '),
  ];
}

/** The part of the arguments that the KVM probe shares with a real boot. */
export function accelArgs(accel: Accel): string[] {
  return accel === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : // Both processors in one thread: with a thread each, one can go on running code that the other has just
      // patched, and a kernel that flips a static key dies of "int3" (QEMU 7.2, within seconds of flipping
      // kernel.sched_schedstats; not in 930 flips with one thread). A stray debug trap after cmpxchg16b was seen
      // too; without that instruction the kernel takes a lock. Protection keys: V8 has keys of its own, kernel
      // threads have none, and QEMU forgets every address it has translated whenever the key register changes,
      // which is twice for each message that a Node.js program waits for.
      ['-accel', 'tcg,thread=single,tb-size=512', '-cpu', 'max,cx16=off,pku=off'];
}
