/** Words that other people chose, made safe to show: bounded, without control characters, unable to reorder what stands around them. Source: Unicode UAX #9 and UTS #55. */

/** Controls except tab and line feed, and the bidirectional embeddings, overrides and isolates. */
const harmful = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g;
const lineBreaks = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
/** More combining marks on one character than any script needs: they would be drawn over the lines around. */
const pileOfMarks = /(\p{M}{8})\p{M}+/gu;

/** Whether a text shows nothing at all: white space and format characters only. */
function isInvisible(value: string): boolean {
  return /^[\p{Z}\p{C}\s]*$/u.test(value);
}

function bounded(value: string, max: number): string {
  return value.length <= max ? value : value.slice(0, max).replace(/[\uD800-\uDBFF]$/, '');
}

/** A text of several lines, of at most `max` UTF-16 units. '' when nothing of it could be seen. */
export function cleanText(value: string, max: number): string {
  const clean = bounded(value, max).replace(/\r\n?|[\u0085\u2028\u2029]/g, '\n').replace(harmful, '').replace(pileOfMarks, '$1');
  return isInvisible(clean) ? '' : clean;
}

/** As cleanText, in one line and without white space around: names, nicknames, groups. */
export function cleanLine(value: string, max: number): string {
  return cleanText(bounded(value, max).replace(lineBreaks, ' '), max).trim();
}
