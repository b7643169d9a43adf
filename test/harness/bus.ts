/** A private session bus: dbus-daemon with a configuration file of its own in a temporary folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface BusOptions {
  /** Folders with `.service` files; names in them can be activated. */
  serviceDirs?: string[];
  /** Added to the daemon's environment, and so to that of the services it activates. */
  environment?: Record<string, string>;
}

export interface TestBus {
  address: string;
  pid: number;
  /** The bus's temporary folder, removed by `stop`. */
  directory: string;
  stop(): Promise<void>;
}

/** The policy and the limits are those of an ordinary session bus. */
function configuration(directory: string, serviceDirs: readonly string[]): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <keep_umask/>
  <listen>unix:path=${join(directory, 'bus')}</listen>
  <auth>EXTERNAL</auth>
  ${serviceDirs.map((folder) => `<servicedir>${folder}</servicedir>`).join('')}
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_message_size">1000000000</limit>
  <limit name="service_start_timeout">120000</limit>
  <limit name="auth_timeout">240000</limit>
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_incomplete_connections">10000</limit>
  <limit name="max_connections_per_user">100000</limit>
  <limit name="max_pending_service_starts">10000</limit>
  <limit name="max_names_per_connection">50000</limit>
  <limit name="max_match_rules_per_connection">50000</limit>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
`;
}

/** Starts a private bus. The caller stops it; a test process that ends without doing so, in whatever way, takes it along. */
export async function startBus(options: BusOptions = {}): Promise<TestBus> {
  const directory = await mkdtemp(join(tmpdir(), 'hush-bus-'));
  const file = join(directory, 'bus.conf');
  await writeFile(file, configuration(directory, options.serviceDirs ?? []));
  // A hook of ours would not run in a test process that is killed, nor under jest: the kernel sees to it.
  const daemon = spawn('setpriv', ['--pdeathsig', 'KILL', 'dbus-daemon', `--config-file=${file}`, '--nofork', '--nopidfile', '--print-address'], {
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Its complaints are about fd limits mostly; they matter when it does not start.
  let complaints = '';
  daemon.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-4096)));
  const exited = once(daemon, 'exit');
  const lines = createInterface({ input: daemon.stdout });
  const [address] = (await Promise.race([
    once(lines, 'line'),
    exited.then(() => Promise.reject(new Error(`dbus-daemon ended before it gave its address: ${complaints}`))),
  ])) as [string];
  let stopping: Promise<void> | undefined;
  return {
    address,
    pid: daemon.pid!,
    directory,
    stop: () => (stopping ??= stop()),
  };

  async function stop(): Promise<void> {
    daemon.kill('SIGTERM');
    // A test may have stopped it, and a stopped process does not hear.
    daemon.kill('SIGCONT');
    await exited;
    await rm(directory, { recursive: true, force: true });
  }
}
