/** Where a domain's XMPP service is reached: SRV records of both services in one order. Source: RFC 6120 §3.2, RFC 2782, XEP-0368 1.1.0. */
import { randomInt } from 'node:crypto';
import { promises as dns } from 'node:dns';
import { isIP, isIPv6 } from 'node:net';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { toDnsName } from './domain-name.ts';

/** One place to try. It is only where we knock: which name the server must prove is decided by the account. */
export interface Target {
  /** A DNS name or an IP address. */
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte on, instead of STARTTLS. */
  readonly directTls: boolean;
}

export interface SrvRecord {
  /** The target's name; '' or '.' says that the service is not offered. */
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** Looks one SRV name up. Rejects as node:dns does; aborting rejects, too. */
export type ResolveSrv = (name: string, signal: AbortSignal) => Promise<readonly SrvRecord[]>;

/** Places tried for one domain at most. */
const maxTargets = 8;

const defaultPorts = { starttls: 5222, directTls: 5223 };

/** The system's name servers, with an end after about 5 s. */
export async function resolveSrv(name: string, signal: AbortSignal): Promise<readonly SrvRecord[]> {
  const resolver = new dns.Resolver({ timeout: 2500, tries: 2 });
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await resolver.resolveSrv(name);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** How a look-up is made. */
export interface Lookup {
  readonly resolveSrv: ResolveSrv;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** What an account says of its server. `fallbackServers` as in `parseServer`. */
export interface ServerParameters {
  readonly server?: string;
  readonly port?: number;
  readonly directTls: boolean;
  readonly fallbackServers?: readonly string[];
}

/** The places to try for an account: those it names or else those of SRV, and its fallbacks. Throws HushError('network-error') where there is none. */
export async function findTargets(domain: string, parameters: ServerParameters, lookup: Lookup): Promise<Target[]> {
  const configured = configuredTarget(domain, parameters);
  const fallback = (parameters.fallbackServers ?? []).map((text) => parseServer(text, parameters.directTls));
  if (configured !== undefined) return [configured, ...fallback];
  try {
    return [...(await resolveTargets(domain, lookup)), ...fallback];
  } catch (error) {
    if (fallback.length === 0 || lookup.signal.aborted) throw error;
    return fallback;
  }
}

/**
 * The places where `domain` offers its service, in the order in which to try them; without any SRV record the domain itself, port 5222.
 * Throws HushError('network-error') where the domain says that it has no such service.
 */
export async function resolveTargets(domain: string, options: Lookup): Promise<Target[]> {
  const name = toDnsName(domain);
  if (name === undefined || isIP(name) !== 0) return [{ host: hostOf(domain), port: defaultPorts.starttls, directTls: false }];

  const look = async (service: string): Promise<readonly SrvRecord[]> => {
    try {
      return await options.resolveSrv(`${service}._tcp.${name}`, options.signal);
    } catch (error) {
      if (options.signal.aborted) throw error;
      // No answer is no reason to give up: the verified name is the domain's, whoever tells us where to knock.
      options.log.debug({ service, code: (error as NodeJS.ErrnoException).code }, 'no SRV records');
      return [];
    }
  };
  const [starttls, direct] = await Promise.all([look('_xmpp-client'), look('_xmpps-client')]);
  const targets = ordered([...usable(starttls, false), ...usable(direct, true)]);
  if (targets.length > 0) return targets;
  if (starttls.length === 0) return [{ host: name, port: defaultPorts.starttls, directTls: false }];
  throw new HushError('network-error', `${domain} does not offer this service`);
}

interface Candidate extends Target {
  readonly priority: number;
  readonly weight: number;
}

/** Records that name a place one can connect to. */
function usable(records: readonly SrvRecord[], directTls: boolean): Candidate[] {
  return records.flatMap(({ name, port, priority, weight }) => {
    const host = toDnsName(name);
    const isValid = host !== undefined && isInteger(port, 1, 65_535) && isInteger(priority, 0, 65_535) && isInteger(weight, 0, 65_535);
    return isValid ? [{ host, port, directTls, priority, weight }] : [];
  });
}

function isInteger(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/** Lowest priority first, within one at random by weight; no place twice. RFC 2782, "Usage rules" */
function ordered(candidates: readonly Candidate[]): Target[] {
  // Records of weight 0 come first, so that they have their small chance.
  const left = candidates.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const result: Target[] = [];
  while (left.length > 0 && result.length < maxTargets) {
    const priority = left[0]?.priority;
    const group = left.filter((candidate) => candidate.priority === priority);
    const total = group.reduce((sum, { weight }) => sum + weight, 0);
    let mark = randomInt(total + 1);
    const index = group.findIndex(({ weight }) => (mark -= weight) <= 0);
    for (const { host, port, directTls } of left.splice(index, 1)) {
      const isKnown = result.some((target) => target.host === host && target.port === port && target.directTls === directTls);
      if (!isKnown) result.push({ host, port, directTls });
    }
  }
  return result;
}

/** The place an account's own parameters name; undefined when they name none. A port alone means the domain itself. */
export function configuredTarget(domain: string, options: ServerParameters): Target | undefined {
  const { server, port, directTls } = options;
  if (server === undefined && port === undefined && !directTls) return undefined;
  return { host: hostOf(server ?? domain), port: port ?? (directTls ? defaultPorts.directTls : defaultPorts.starttls), directTls };
}

/** "host", "host:port", "[::1]:port", each with ",starttls" or ",old-ssl" after it, as in the parameter fallback-servers. Throws HushError('invalid-argument'). */
export function parseServer(text: string, defaultDirectTls: boolean): Target {
  const [address = '', security = defaultDirectTls ? 'old-ssl' : 'starttls', ...more] = text.split(',');
  const target = parseAddress(address, security === 'old-ssl');
  if (target === undefined || more.length > 0 || !['starttls', 'old-ssl'].includes(security)) {
    throw new HushError('invalid-argument', 'a server is written as host:port,starttls or host:port,old-ssl');
  }
  return target;
}

/** "host" or "host:port" with an IPv6 address in brackets; undefined for anything else. */
export function parseAddress(text: string, directTls: boolean): Target | undefined {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(text);
  const host = parts?.[1] === undefined ? toDnsName(parts?.[2] ?? '') : isIPv6(parts[1]) ? parts[1] : undefined;
  const port = parts?.[3] === undefined ? (directTls ? defaultPorts.directTls : defaultPorts.starttls) : Number(parts[3]);
  return host !== undefined && isInteger(port, 1, 65_535) ? { host, port, directTls } : undefined;
}

/** What to connect to: a name in its DNS form, an address without brackets; anything else as it is, for the look-up to refuse. */
function hostOf(text: string): string {
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1];
  return bracketed ?? toDnsName(text) ?? text;
}
