/** What a screen reader hears of the windows of a session: AT-SPI 2, in plain calls on its bus. */
import { Bus } from '../../src/bus/connection.ts';
import type { Variant } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import type { Service, Session } from '../harness/session.ts';

const A = 'org.a11y.atspi.';
const root = '/org/a11y/atspi/accessible/root';

/** Bits of the state set. */
const State = { enabled: 8, showing: 25 } as const;

/** One thing on the screen. */
export interface Thing {
  /** `push button`, `label`, `menu item` … */
  readonly role: string;
  readonly name: string;
  readonly description: string;
  /** What stands in it, where it is a text. */
  readonly text: string;
  readonly isEnabled: boolean;
  readonly isShowing: boolean;
  /** Pixels of the screen. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** How many things it is inside of. */
  readonly depth: number;
}

/** The accessibility bus, started by D-Bus activation; its own launcher starts the registry. */
export function accessibilityService(display: string): Service {
  return { name: 'accessibility', busNames: ['org.a11y.Bus'], command: ['/usr/libexec/at-spi-bus-launcher', '--launch-immediately'], environment: { DISPLAY: display } };
}

export class Accessibility {
  readonly #bus: Bus;

  private constructor(bus: Bus) {
    this.#bus = bus;
  }

  static async open(session: Session): Promise<Accessibility> {
    const [address] = await session.bus.call({ destination: 'org.a11y.Bus', path: '/org/a11y/bus', interface: 'org.a11y.Bus', member: 'GetAddress' });
    return new Accessibility(await Bus.open({ address: String(address), log: silentLog }));
  }

  /** Everything of the programs on the screen, in the order of their trees. What goes away meanwhile is left out. */
  async things(): Promise<Thing[]> {
    const found: Thing[] = [];
    await this.#walk('org.a11y.atspi.Registry', root, -1, found);
    return found;
  }

  async stop(): Promise<void> {
    this.#bus.close();
    await this.#bus.closed;
  }

  async #walk(destination: string, path: string, depth: number, found: Thing[]): Promise<void> {
    const call = (name: string, member: string, signature = '', ...body: unknown[]): Promise<unknown[]> =>
      this.#bus.call({ destination, path, interface: name, member, signature, body, timeoutMs: 5_000 });
    const property = async (name: string): Promise<string> => {
      const [value] = await call('org.freedesktop.DBus.Properties', 'Get', 'ss', `${A}Accessible`, name);
      return String((value as Variant).value);
    };
    try {
      if (depth >= 0) {
        const [role, name, description, [states], [interfaces]] = await Promise.all([call(`${A}Accessible`, 'GetRoleName'), property('Name'), property('Description'), call(`${A}Accessible`, 'GetState'), call(`${A}Accessible`, 'GetInterfaces')]);
        const has = (what: string): boolean => (interfaces as string[]).includes(A + what);
        const [low = 0] = states as number[];
        const box = has('Component') ? (await call(`${A}Component`, 'GetExtents', 'u', 0))[0] : [0, 0, 0, 0];
        const [x = 0, y = 0, width = 0, height = 0] = box as number[];
        const text = has('Text') ? String((await call(`${A}Text`, 'GetText', 'ii', 0, -1))[0]) : '';
        found.push({ role: String(role[0]), name, description, text, isEnabled: (low & (1 << State.enabled)) !== 0, isShowing: (low & (1 << State.showing)) !== 0, box: { x, y, width, height }, depth });
      }
      const [children] = await call(`${A}Accessible`, 'GetChildren');
      for (const [owner, child] of children as [string, string][]) await this.#walk(owner, child, depth + 1, found);
    } catch (error) {
      if (found.length === 0) throw error;
    }
  }
}
