/** Which paths have exported objects below them, so that a client can walk to every object from '/'. */
export class PathTree {
  /** Path → the names of its children → how many exported objects are at or below them. */
  readonly #children = new Map<string, Map<string, number>>();

  add(path: string): void {
    for (const [parent, name] of steps(path)) {
      const names = this.#children.get(parent) ?? new Map<string, number>();
      names.set(name, (names.get(name) ?? 0) + 1);
      this.#children.set(parent, names);
    }
  }

  remove(path: string): void {
    for (const [parent, name] of steps(path)) {
      const names = this.#children.get(parent);
      const count = names?.get(name) ?? 0;
      if (count > 1) names?.set(name, count - 1);
      else names?.delete(name);
      if (names?.size === 0) this.#children.delete(parent);
    }
  }

  /** Names relative to `path`; undefined where there are none. */
  children(path: string): Iterable<string> | undefined {
    return this.#children.get(path)?.keys();
  }
}

/** `/a/b` → [`/`, `a`], [`/a`, `b`] */
function* steps(path: string): Generator<[parent: string, name: string]> {
  let parent = '';
  for (const name of path.split('/')) {
    if (name === '') continue;
    yield [parent === '' ? '/' : parent, name];
    parent += `/${name}`;
  }
}
