import { type Command, Option } from 'commander';
import { LabError } from '../errors.js';
import {
  cacheDir,
  cleanCache,
  type KernelChoice,
  Lab,
  type LabStatus,
  type RxeModule,
  runningLabs,
} from '../lab/index.js';
import { passThrough } from '../lab/pass-through.js';
import { DEFAULT_LAB } from '../lab/state.js';

interface Common {
  name: string;
  json?: boolean;
}

/** Adds `roam lab` with its subcommands. */
export function registerLab(program: Command): void {
  const lab = program.command('lab').description('SoftRoCE nodes as virtual machines on this machine');
  const nameOption = () => new Option('--name <lab>', 'which lab').default(DEFAULT_LAB);

  lab.enablePositionalOptions();
  lab
    .command('up')
    .description('boot nodes; they run until "roam lab down"')
    .option('--nodes <count|names>', 'how many, or their names: a,b,peer', '3')
    .option(
      '--module <module>',
      'rdma_rxe to load: roam or stock; NODE=MODULE for one node; may be repeated',
      (value: string, all: string[]) => [...all, value],
      [] as string[],
    )
    .option(
      '--kernel <kernel>',
      "Debian's kernel to boot: stable or backports (default: ROAM_LAB_KERNEL, or stable)",
    )
    .option('--memory <MiB>', 'memory of a node, 1024 by default')
    .option('--with <extra>', 'more on the nodes: docker (which wants 2048 MiB), podman, game or mpi')
    .addOption(nameOption())
    .option('--json', 'print the status as JSON')
    .addHelpText('after', '\nExample: roam lab up --nodes a,b,peer --module peer=stock')
    .action(up);

  lab
    .command('exec')
    .description('run a command on a node; arguments, streams and exit code pass through unchanged')
    .argument('<node>')
    .argument('<command...>')
    .addOption(nameOption())
    .passThroughOptions()
    .addHelpText('after', '\nExample: roam lab exec a -- ibv_devinfo -d rxe0')
    .action(async (node: string, words: string[], options: Common) => {
      const argv = words[0] === '--' ? words.slice(1) : words;
      process.exitCode = await passThrough(options.name, node, { argv }).catch((error: LabError) => {
        if (error.code !== 'ENOENT') throw error;
        process.stderr.write(`roam: ${error.message}\n`);
        return 127;
      });
    });

  lab
    .command('cp')
    .description('copy a file or directory to or from a node')
    .argument('<src>', 'path, or NODE:PATH')
    .argument('<dst>', 'path, or NODE:PATH')
    .addOption(nameOption())
    .addHelpText('after', '\nExample: roam lab cp ./workload a:/root/')
    .action(copy);

  lab
    .command('status')
    .description('show running labs')
    .addOption(new Option('--name <lab>', 'only this lab'))
    .option('--json', 'print JSON: an array of labs')
    .addHelpText('after', '\nExample: roam lab status --json')
    .action(showStatus);

  lab
    .command('down')
    .description('end a lab and everything in it')
    .addOption(nameOption())
    .option('--all', 'every running lab')
    .addHelpText('after', '\nExample: roam lab down')
    .action(async (options: Common & { all?: boolean }) => {
      for (const name of options.all ? await runningLabs() : [options.name])
        await (await Lab.attach(name)).down();
    });

  lab
    .command('clean')
    .description('remove the cached guest images')
    .addHelpText('after', '\nExample: roam lab clean')
    .action(async () => {
      const bytes = await cleanCache();
      process.stdout.write(`removed ${cacheDir()} (${(bytes / 1e9).toFixed(1)} GB)\n`);
    });
}

async function up(
  options: Common & {
    nodes: string;
    module: string[];
    memory?: string;
    kernel?: KernelChoice;
    with?: string;
  },
): Promise<void> {
  const nodes = /^\d+$/.test(options.nodes) ? Number(options.nodes) : options.nodes.split(',');
  const stop = new AbortController();
  const onSignal = () =>
    stop.abort(new LabError('interrupted; nothing is left running', { code: 'LAB_INTERRUPTED' }));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const lab = await Lab.up({
    nodes,
    modules: parseModules(options.module, nodes),
    ...(options.memory ? { memory: Number(options.memory) } : {}),
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    ...(options.with ? { extra: options.with } : {}),
    name: options.name,
    signal: stop.signal,
    onProgress: (message) => process.stderr.write(`${message}\n`),
  });
  await lab.detach();
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  if (options.json) process.stdout.write(`${JSON.stringify(await lab.status(), null, 2)}\n`);
  else process.stdout.write('The lab is up. Try: roam lab exec a -- ibv_devices\n');
}

function parseModules(values: string[], nodes: number | string[]): Record<string, RxeModule> {
  const names =
    typeof nodes === 'number' ? Array.from({ length: nodes }, (_, i) => String.fromCharCode(97 + i)) : nodes;
  const modules: Record<string, RxeModule> = {};
  for (const value of values) {
    const [module, node] = value.split('=').reverse();
    if (module !== 'roam' && module !== 'stock')
      throw new LabError(`'${value}' is no module`, {
        code: 'LAB_MODULE',
        remedy: 'use roam, stock or NODE=stock',
      });
    for (const name of node === undefined ? names : [node]) modules[name] = module;
  }
  return modules;
}

async function copy(src: string, dst: string, options: Common): Promise<void> {
  const from = /^([a-z][a-z0-9-]*):(.*)$/.exec(src);
  const to = /^([a-z][a-z0-9-]*):(.*)$/.exec(dst);
  if (!from === !to)
    throw new LabError('exactly one of the two paths has to be NODE:PATH', {
      code: 'LAB_COPY',
      remedy: 'for example: roam lab cp results.json a:/root/',
    });
  const lab = await Lab.attach(options.name);
  const inNode = (path: string | undefined) => path || '/root';
  if (to) await lab.node(to[1] as string).push(src, inNode(to[2]));
  else if (from) await lab.node(from[1] as string).pull(inNode(from[2]), dst);
}

async function showStatus(options: { name?: string; json?: boolean }): Promise<void> {
  const names = options.name ? [options.name] : await runningLabs();
  const labs: LabStatus[] = [];
  for (const name of names) labs.push(await (await Lab.attach(name)).status());
  if (options.json) process.stdout.write(`${JSON.stringify(labs, null, 2)}\n`);
  else if (labs.length === 0) process.stdout.write("no lab is running; start one with 'roam lab up'\n");
  for (const lab of options.json ? [] : labs) {
    process.stdout.write(`${lab.name}: ${lab.state} (${lab.accel}), supervisor ${lab.pid}\n`);
    for (const node of lab.nodes)
      process.stdout.write(
        `  ${node.name.padEnd(8)} ${node.ip.padEnd(11)} ${node.module.padEnd(5)} ${node.state}\n`,
      );
  }
}
