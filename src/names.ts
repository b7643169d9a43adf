/** What hush is called. */

export const managerName = 'hush';
export const protocolName = 'jabber';

/** Put in place by the bundler. */
declare const HUSH_VERSION: string | undefined;
export const version = typeof HUSH_VERSION === 'string' ? HUSH_VERSION : 'development';
