/** Date and time as XMPP writes it. Source: XEP-0082 1.1 §3.2. */

const form = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** The moment a CCYY-MM-DDThh:mm:ss[.sss](Z|±hh:mm) names; undefined for every other text and for days that do not exist. */
export function parseDateTime(value: string): Date | undefined {
  const match = form.exec(value);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? '0');
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  const [zoneHour, zoneMinute] = [part(9), part(10)];
  if (hour > 23 || minute > 59 || second > 60 || zoneHour > 23 || zoneMinute > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const zone = (match[8] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute);
  date.setUTCHours(hour, minute - zone, second, Math.trunc(Number(`0.${match[7] ?? '0'}`) * 1000));
  return date;
}

/** A moment in UTC with milliseconds. */
export function formatDateTime(date: Date): string {
  return date.toISOString();
}
