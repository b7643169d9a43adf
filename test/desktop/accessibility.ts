/** What a screen reader hears of the windows of a session: AT-SPI 2, in plain calls on its bus. */
import { Bus } from '../../src/bus/connection.ts';
import type { Variant } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import type { Service, Session } from '../harness/session.ts';

const A = 'org.a11y.atspi.';
const registry = `${A}Registry`;
const root = '/org/a11y/atspi/accessible/root';

/** Bits of the state set. */
const State = { enabled: 8, focused: 12, showing: 25 } as const;

/** Where something is found: its program on the bus, and its path there. */
type Reference = readonly [owner: string, path: string];

/** One thing on the screen. */
export interface Thing {
  readonly at: Reference;
  /** `push button`, `label`, `menu item` … */
  readonly role: string;
  readonly name: string;
  readonly description: string;
  /** What stands in it, where it is a text. */
  readonly text: string;
  readonly isEnabled: boolean;
  readonly isShowing: boolean;
  readonly isFocused: boolean;
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
  /** What last got the keyboard. */
  #focused: Reference | undefined;

  private constructor(bus: Bus) {
    this.#bus = bus;
    bus.subscribe({ interface: `${A}Event.Focus`, member: 'Focus' }, ({ sender, path }) => (this.#focused = [sender, path]));
  }

  static async open(session: Session): Promise<Accessibility> {
    const [address] = await session.bus.call({ destination: 'org.a11y.Bus', path: '/org/a11y/bus', interface: 'org.a11y.Bus', member: 'GetAddress' });
    const bus = await Bus.open({ address: String(address), log: silentLog });
    // Programs tell only what somebody wants to hear.
    await bus.call({ destination: registry, path: '/org/a11y/atspi/registry', interface: registry, member: 'RegisterEvent', signature: 'sass', body: ['focus:', [], ''] });
    return new Accessibility(bus);
  }

  /** Everything of the programs on the screen, in the order of their trees. What goes away meanwhile is left out. */
  async things(): Promise<Thing[]> {
    const found: Thing[] = [];
    await this.#walk([registry, root], -1, found);
    return found;
  }

  /** What stands where the field stands that last got the keyboard. Of a list with fields in its cells the tree has only the cells. */
  async besideFocus(): Promise<Thing[]> {
    if (this.#focused === undefined) return [];
    const parent = (await this.#property(this.#focused, 'Parent')) as Reference;
    return Promise.all((await this.#children(parent)).map((child) => this.#thing(child, 0)));
  }

  /** How it is now. */
  async again({ at, depth }: Thing): Promise<Thing> {
    return this.#thing(at, depth);
  }

  async stop(): Promise<void> {
    this.#bus.close();
    await this.#bus.closed;
  }

  async #walk(what: Reference, depth: number, found: Thing[], isInScene = false): Promise<void> {
    try {
      let isScene = isInScene;
      if (depth >= 0) {
        const thing = await this.#thing(what, depth);
        isScene ||= isSceneOf(thing);
        const { box } = thing;
        found.push(isInScene ? { ...thing, isShowing: box.width > 0 && box.x >= 0 && box.y >= 0 } : thing);
      }
      for (const child of await this.#children(what)) await this.#walk(child, depth + 1, found, isScene);
    } catch (error) {
      if (found.length === 0) throw error;
    }
  }

  async #thing(what: Reference, depth: number): Promise<Thing> {
    const call = (name: string, member: string, signature = '', ...body: unknown[]): Promise<unknown[]> => this.#call(what, A + name, member, signature, ...body);
    const [role, name, description, [states], [interfaces]] = await Promise.all([call('Accessible', 'GetRoleName'), this.#property(what, 'Name'), this.#property(what, 'Description'), call('Accessible', 'GetState'), call('Accessible', 'GetInterfaces')]);
    const has = (one: string): boolean => (interfaces as string[]).includes(A + one);
    const [low = 0] = states as number[];
    const is = (state: keyof typeof State): boolean => (low & (1 << State[state])) !== 0;
    const box = has('Component') ? (await call('Component', 'GetExtents', 'u', 0))[0] : [0, 0, 0, 0];
    const [x = 0, y = 0, width = 0, height = 0] = box as number[];
    const text = has('Text') ? String((await call('Text', 'GetText', 'ii', 0, -1))[0]) : '';
    return { at: what, role: String(role[0]), name: String(name), description: String(description), text, isEnabled: is('enabled'), isShowing: is('showing'), isFocused: is('focused'), box: { x, y, width, height }, depth };
  }

  async #children(what: Reference): Promise<Reference[]> {
    const [children] = await this.#call(what, `${A}Accessible`, 'GetChildren');
    return children as Reference[];
  }

  async #property(what: Reference, name: string): Promise<unknown> {
    const [value] = await this.#call(what, 'org.freedesktop.DBus.Properties', 'Get', 'ss', `${A}Accessible`, name);
    return (value as Variant).value;
  }

  #call([destination, path]: Reference, name: string, member: string, signature = '', ...body: unknown[]): Promise<unknown[]> {
    return this.#bus.call({ destination, path, interface: name, member, signature, body, timeoutMs: 5_000 });
  }
}

/** A Qt Quick scene that is drawn into a window says of all that is in it that it is hidden. Its places are those in that window. */
const isSceneOf = ({ role, name }: Thing): boolean => role === 'frame' && name === 'Offscreen';
