/** Which names D-Bus allows. D-Bus Specification, sections Valid Names and Valid Object Paths. */

const maxNameLength = 255;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** [A-Za-z_] */
function isInitial(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f;
}

/** An object path: '/' alone, or elements of [A-Za-z0-9_] each led by one '/'. */
export function isObjectPath(text: string): boolean {
  if (text === '/') return true;
  let afterSlash = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2f) {
      if (afterSlash) return false;
      afterSlash = true;
    } else if (i > 0 && (isInitial(code) || isDigit(code))) {
      afterSlash = false;
    } else {
      return false;
    }
  }
  return text !== '' && !afterSlash;
}

/** Elements of [A-Za-z_] (and `extra`, and digits where `isDigitFirst` or not first) with single dots between them; at least `least` of them. */
function isDotted(text: string, start: number, least: number, hasHyphens: boolean, isDigitFirst: boolean): boolean {
  if (text.length > maxNameLength) return false;
  let elements = 0;
  let isFirst = true;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (isFirst) return false;
      isFirst = true;
    } else if (isInitial(code) || (hasHyphens && code === 0x2d) || (isDigit(code) && (isDigitFirst || !isFirst))) {
      if (isFirst) elements++;
      isFirst = false;
    } else {
      return false;
    }
  }
  return !isFirst && elements >= least;
}

/** An interface name; error names follow the same rule. */
export function isInterfaceName(text: string): boolean {
  return isDotted(text, 0, 2, false, false);
}

/** A method, signal or property name. */
export function isMemberName(text: string): boolean {
  return !text.includes('.') && isDotted(text, 0, 1, false, false);
}

/** A bus name, unique (`:1.5`) or well-known. */
export function isBusName(text: string): boolean {
  return text.startsWith(':') ? isDotted(text, 1, 2, true, true) : isDotted(text, 0, 2, true, false);
}
