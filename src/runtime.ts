/** The Node that hush runs on: old enough releases have holes in what a peer can reach before anything is judged. */

/**
 * Of each line that is still mended, the first release without the known holes in TLS, in reading certificates and in deep stacks
 * (CVE-2026-21637, CVE-2025-59466, and all of OpenSSL's before them). A line that is not named here is refused unless it is newer than all.
 */
const floors: ReadonlyMap<number, number> = new Map([[20, 20], [22, 22], [24, 13], [25, 3]]);

/** What is wrong with this version of Node ("20.20.2"), for a person; undefined if nothing is. */
export function complaintAbout(version: string): string | undefined {
  const [, line = '', release = ''] = /^(\d+)\.(\d+)\./.exec(version) ?? [];
  const floor = floors.get(Number(line));
  const isFine = floor === undefined ? Number(line) > Math.max(...floors.keys()) : Number(release) >= floor;
  const wanted = [...floors].map(([major, minor]) => `${major}.${minor}`).join(', ');
  return isFine ? undefined : `Node ${version} has known holes; hush needs ${wanted} or later of these lines, or a newer one`;
}
