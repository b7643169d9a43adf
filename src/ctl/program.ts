/** The command line of hushctl: commands, arguments, options, help. */
import { Argument, Command, CommanderError, InvalidArgumentError } from 'commander';
import { version } from '../names.ts';
import type { AddOptions } from './adding.ts';
import { add } from './adding.ts';
import { words } from './completion.ts';
import { claimNames } from './conversations.ts';
import type { Ctl } from './ctl.ts';
import { Failure, failureOf } from './failure.ts';
import { importIdentity, renewIdentity, replaceIdentity, showIdentity } from './identity.ts';
import type { ChannelOption } from './securing.ts';
import { end, require, secure } from './securing.ts';
import { status } from './status.ts';
import { forget, peers, policies, policy, readPolicy, trust } from './trust.ts';
import type { VerifyOptions } from './verify.ts';
import { checkOptions, verify } from './verify.ts';

/** What every command takes. */
export interface GlobalOptions {
  readonly account?: string;
  readonly json?: true;
}

export interface ProgramOptions {
  readonly output: (text: string) => void;
  readonly errors: (text: string) => void;
  /** Connects to the bus. */
  readonly open: (options: GlobalOptions) => Promise<Ctl>;
}

/** Runs one command line, without the names of Node and program. Rejects with Failure. */
export async function runCommand(args: readonly string[], options: ProgramOptions): Promise<void> {
  try {
    await commandLine(options).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    // Called without a command, it has shown its help.
    const message = error.code === 'commander.help' ? 'no command was given' : error.message.replace(/^error: /, '');
    throw new Failure(message, { exitCode: 2, next: ['hushctl help lists the commands, hushctl help COMMAND explains one.'] });
  }
}

/** The commands. Exported for the tests, which hold completion and manual against it. */
export function commandLine({ output, errors, open }: ProgramOptions): Command {
  const program = new Command('hushctl')
    .description('Shows and steers how hush secures your conversations.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'explain a command')
    .option('--account <account>', 'whose conversations: the JID of an account; needed where several are online')
    .option('--json', 'print the result as JSON, see hushctl(1)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: output, writeErr: errors, outputError: () => undefined })
    .exitOverride();

  /** Runs `work`; what fails is explained in terms of the contact it is about. */
  const run = async (contact: string | undefined, work: (ctl: Ctl) => Promise<void>): Promise<void> => {
    const ctl = await open(program.opts<GlobalOptions>());
    try {
      await work(ctl);
    } catch (error) {
      throw failureOf(error, contact);
    } finally {
      ctl.bus.close();
    }
  };

  program
    .command('add')
    .description('add an account that you have at a server, and bring it online')
    .argument('<jid>', 'name@server')
    .option('--server <host>', 'host or host:port, where it is not the one that DNS names')
    .option('--ask', 'keep no password: your chat program asks for it at every login')
    .action((jid: string, options: AddOptions) => run(undefined, (ctl) => add(ctl, jid, options)));

  program
    .command('status')
    .description('accounts, their conversations, and what each conversation proves')
    .option('--watch', 'go on and show every change, until Ctrl-C')
    .action((options: { watch?: true }) => run(undefined, (ctl) => status(ctl, { isWatching: options.watch === true })));

  program
    .command('secure')
    .description('secure the conversation with a contact, opening it if need be')
    .argument('<contact>', 'JID')
    .option('--channel <name>', 'this channel only')
    .action((contact: string, options: ChannelOption) => run(contact, (ctl) => secure(ctl, contact, options)));

  program
    .command('require')
    .description('let nothing be sent to a contact unless these properties hold, as long as the conversation lasts')
    .argument('<contact>', 'JID')
    .addArgument(new Argument('<property...>', `any of ${claimNames.join(', ')}`).argParser(claims))
    .option('--channel <name>', 'this channel only')
    .action((contact: string, demands: readonly string[], options: ChannelOption) => run(contact, (ctl) => require(ctl, contact, demands, options)));

  program
    .command('end')
    .description('end the secured conversation with a contact, for good')
    .argument('<contact>', 'JID')
    .option('--channel <name>', 'this channel only')
    .action((contact: string, options: ChannelOption) => run(contact, (ctl) => end(ctl, contact, options)));

  program
    .command('verify')
    .description('make sure who is at the other end: shows the safety number, in digits and as a QR code, and asks whether it is theirs')
    .argument('<contact>', 'JID')
    .option('--confirm <digits>', 'the contact sees the same safety number, this one')
    .option('--distrust', 'the contact sees another number: end the conversation, and do not trust its key')
    .option('--secret', 'compare a secret instead, or answer what the contact asks; it is read from the terminal without being shown, else from the first line of standard input')
    .option('--question <text>', 'with --secret: a question that leads the contact to it')
    .option('--abort', 'give up a comparison that is under way')
    .option('--channel <name>', 'this channel only')
    .action((contact: string, options: VerifyOptions) => {
      checkOptions(options);
      return run(contact, (ctl) => verify(ctl, contact, options));
    });

  program
    .command('peers')
    .description("contacts' keys that are remembered")
    .argument('[contact]', 'JID')
    .action((contact: string | undefined) => run(contact, (ctl) => peers(ctl, contact)));

  program
    .command('trust')
    .description('take a changed key of a contact as theirs')
    .argument('<contact>', 'JID')
    .argument('[fingerprint...]', 'of the key, in whatever groups')
    .action((contact: string, fingerprint: readonly string[]) => run(contact, (ctl) => trust(ctl, contact, fingerprint)));

  program
    .command('forget')
    .description('forget the keys of a contact, and that they were ever verified')
    .argument('[contact]', 'JID')
    .option('--damaged-memory', 'put a damaged memory aside, and with it everything about all contacts')
    .action((contact: string | undefined, options: { damagedMemory?: true }) => {
      if ((contact === undefined) !== (options.damagedMemory === true)) throw new Failure('forget whom? Either a contact or --damaged-memory', { exitCode: 2 });
      return run(contact, (ctl) => forget(ctl, contact));
    });

  program
    .command('policy')
    .description('how much security the account demands, or one contact: shows it, or sets it')
    .argument('[contact]', 'JID; without, the account itself')
    .argument('[policy]', `${policies.join(', ')}, or for a contact default`)
    .action((first: string | undefined, second: string | undefined) => {
      const request = readPolicy(first, second);
      return run(request.contact, (ctl) => policy(ctl, request));
    });

  const identity = program.command('identity').description("the account's own key");
  identity.command('show', { isDefault: true }).description('its fingerprint').action(() => run(undefined, showIdentity));
  identity
    .command('import')
    .description('use the key and certificate of a file (PEM or PKCS#12) from now on; a passphrase is asked for, or read from standard input')
    .argument('<file>')
    .action((file: string) => run(undefined, (ctl) => importIdentity(ctl, file)));
  identity.command('renew').description('make a new certificate for the same key').action(() => run(undefined, renewIdentity));
  identity
    .command('replace')
    .description('make a new key; every contact sees a changed one')
    .option('--yes', 'without asking')
    .action((options: { yes?: true }) => run(undefined, (ctl) => replaceIdentity(ctl, options)));

  program
    .command('words', { hidden: true })
    .description('for completion: what can stand at a place')
    .addArgument(new Argument('<kind>').choices(['accounts', 'contacts', 'channels']))
    .action((kind: string) => run(undefined, (ctl) => words(ctl, kind)));
  return program;
}

function claims(name: string, before: readonly string[] | undefined): string[] {
  if (!claimNames.includes(name)) throw new InvalidArgumentError(`There is no such property; there are ${claimNames.join(', ')}.`);
  return [...(before ?? []), name];
}
