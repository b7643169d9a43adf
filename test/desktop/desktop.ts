/** A desktop for KDE Telepathy's chat window: a screen of its own, looked at by pixels and by what a screen reader hears, used by mouse and keyboard. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Program, run } from '../harness/process.ts';
import type { Service, Session } from '../harness/session.ts';
import { names, variants } from '../harness/telepathy-client.ts';
import { Accessibility, accessibilityService } from './accessibility.ts';
import type { Thing } from './accessibility.ts';

const pictures = join(import.meta.dirname, '../../.test-output/desktop');

export const textUi = 'org.freedesktop.Telepathy.Client.KTp.TextUi';

const DISPATCHER = 'org.freedesktop.Telepathy.ChannelDispatcher';

/** Opens a conversation as from a contact list: Mission Control makes it, and the window comes. */
export async function openConversation(screen: Screen, session: Session, account: string, contact: string): Promise<void> {
  const { bus } = session;
  const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: contact });
  const [path] = await bus.call({ destination: DISPATCHER, path: `/${DISPATCHER.replaceAll('.', '/')}`, interface: DISPATCHER, member: 'EnsureChannel', signature: 'oa{sv}xs', body: [account, request, 0, textUi] });
  await bus.call({ destination: DISPATCHER, path: String(path), interface: 'org.freedesktop.Telepathy.ChannelRequest', member: 'Proceed' });
  await screen.resize('ktp-text-ui', 900, 600);
  await screen.listen(session);
  await screen.shows('an empty conversation', ({ name }) => name.startsWith('Conversation began'));
}

export class Screen {
  readonly display: string;
  readonly #server: Program;
  #accessibility: Accessibility | undefined;
  #pictures = 0;

  readonly #title: string;

  private constructor(title: string, display: string, server: Program) {
    this.#title = title;
    this.display = display;
    this.#server = server;
  }

  /** `title`: for the names of the pictures. */
  static async open(title: string, size = '1280x1000'): Promise<Screen> {
    const server = new Program('Xvfb', ['-displayfd', '1', '-screen', '0', `${size}x24`, '-nolisten', 'tcp', '-noreset']);
    await mkdir(pictures, { recursive: true });
    return new Screen(title.replaceAll(/\W+/g, '-').slice(0, 40), `:${await server.line(/^\d+$/)}`, server);
  }

  /** What a KDE program needs in its environment to be on this screen. */
  get environment(): Record<string, string> {
    return {
      DISPLAY: this.display,
      QT_QPA_PLATFORM: 'xcb',
      QT_LINUX_ACCESSIBILITY_ALWAYS_ON: '1',
      LIBGL_ALWAYS_SOFTWARE: '1',
      LANG: 'C.UTF-8',
      LC_ALL: 'C.UTF-8',
      XDG_CURRENT_DESKTOP: 'KDE',
    };
  }

  /** The chat window of KDE Telepathy, and what it needs. */
  get services(): Service[] {
    return [
      accessibilityService(this.display),
      {
        name: 'ktp-text-ui',
        busNames: [textUi],
        command: ['/usr/lib/x86_64-linux-gnu/libexec/ktp-text-ui'],
        environment: {
          ...this.environment,
          // Chromium's sandbox wants another user than root, and its graphics a card.
          QTWEBENGINE_DISABLE_SANDBOX: '1',
          QTWEBENGINE_CHROMIUM_FLAGS: '--no-sandbox --disable-gpu --force-renderer-accessibility',
        },
      },
    ];
  }

  async things(): Promise<Thing[]> {
    if (this.#accessibility === undefined) throw new Error('nobody has said what is on the screen');
    return this.#accessibility.things();
  }

  /** What stands where the field stands that last got the keyboard. */
  async besideFocus(): Promise<Thing[]> {
    return (await this.#accessibility?.besideFocus()) ?? [];
  }

  /** How it is now. */
  async again(thing: Thing): Promise<Thing> {
    if (this.#accessibility === undefined) throw new Error('nobody has said what is on the screen');
    return this.#accessibility.again(thing);
  }

  /** The first thing that is showing and as wanted, now or within 15 s. There is no signal for what comes in a web page, so it is looked for again and again. */
  async shows(what: string, isWanted: (thing: Thing) => boolean, look = (): Promise<Thing[]> => this.things()): Promise<Thing> {
    let seen: Thing[] = [];
    for (const deadline = performance.now() + 15_000; performance.now() < deadline; ) {
      seen = (await look()).filter(({ isShowing }) => isShowing);
      const found = seen.find(isWanted);
      if (found !== undefined) return found;
    }
    const words = seen.filter(({ name, text }) => name !== '' || text !== '').map(({ role, name, text, description }) => `${role} ${name} ${text} ${description}`.trim());
    await this.picture('missing');
    throw new Error(`not on the screen: ${what}\n${words.join('\n')}`);
  }

  /** Whoever tells what is on the screen of this session. */
  async listen(session: Session): Promise<void> {
    this.#accessibility = await Accessibility.open(session);
  }

  /** Keeps what is on the screen as a picture; its file. */
  async picture(name: string): Promise<string> {
    const file = join(pictures, `${this.#title}-${String(++this.#pictures).padStart(2, '0')}-${name.replaceAll(/\W+/g, '-')}.png`);
    await run('import', ['-silent', '-window', 'root', file], { environment: { DISPLAY: this.display } });
    return file;
  }

  /** Clicks in the middle of this place. */
  async click({ x, y, width, height }: Thing['box']): Promise<void> {
    await this.#xdotool('mousemove', '--sync', String(x + Math.floor(width / 2)), String(y + Math.floor(height / 2)), 'click', '1');
  }

  /** Clicks on what has this name, once it is there and can be used. */
  async press(name: string, role?: string): Promise<void> {
    let last = '';
    // A menu or window that has just come is still moving.
    const { box } = await this.shows(`${role ?? 'something'} ${name}, to be pressed`, (thing) => {
      if (thing.name !== name || !thing.isEnabled || (role !== undefined && thing.role !== role)) return false;
      const [before, now] = [last, JSON.stringify(thing.box)];
      last = now;
      return before === now;
    });
    await this.click(box);
  }

  /** Types this in place of what stands in the field. */
  async fill(field: Thing, text: string): Promise<void> {
    await this.click(field.box);
    await this.type(text);
  }

  /** Types this in place of what stands in the field that has the keyboard. */
  async type(text: string): Promise<void> {
    await this.#focus();
    await this.#xdotool('key', 'ctrl+a');
    await this.#xdotool('type', '--delay', '15', text);
  }

  async key(name: string): Promise<void> {
    await this.#focus();
    await this.#xdotool('key', name);
  }

  /** How many pixels of this place are dark. The mouse goes out of the way first. */
  async darkness({ x, y, width, height }: Thing['box'], name: string): Promise<number> {
    await this.#xdotool('mousemove', '--sync', '1200', '900');
    const place = ['-crop', `${width}x${height}+${x}+${y}`, '+repage', '-colorspace', 'Gray', '-threshold', '40%', '-negate'];
    const picture = await this.picture(name);
    return Number(await run('convert', [picture, ...place, '-format', '%[fx:round(mean*w*h)]', 'info:']));
  }

  /** Makes the program's first window this large. */
  async resize(name: string, width: number, height: number): Promise<void> {
    await this.#xdotool('search', '--sync', '--onlyvisible', '--class', name, 'windowsize', String(width), String(height));
  }

  /** Puts the program's window there, counted from 1 in the order of their coming, and gives it the keyboard. */
  async place(name: string, count: number, { x, y, width, height }: Thing['box']): Promise<void> {
    const window = `%${count}`;
    await this.#xdotool('search', '--sync', '--onlyvisible', '--class', name, 'windowmove', '--sync', window, String(x), String(y), 'windowsize', window, String(width), String(height), 'windowfocus', window);
  }

  async stop(): Promise<void> {
    await this.#accessibility?.stop();
    await this.#server.stop();
  }

  /** There is no window manager that would give the keyboard to the window under the mouse. */
  async #focus(): Promise<void> {
    const [, window] = /^WINDOW=(\d+)$/m.exec(await run('xdotool', ['getmouselocation', '--shell'], { environment: { DISPLAY: this.display } })) ?? [];
    await this.#xdotool('windowfocus', '--sync', String(window));
  }

  async #xdotool(...args: string[]): Promise<void> {
    await run('xdotool', args, { environment: { DISPLAY: this.display } });
  }
}
