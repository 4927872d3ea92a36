/** Small texts from values. Pure: the present time is an argument. */

export const CODE_LENGTH = Object.freeze({ min: 4, max: 10, usual: 6 });

/**
 * The digits of what was typed or pasted: "123 456", "123-456" and "Your code: 123456" are all 123456.
 * @param {string} typed
 */
export function normaliseCode(typed) {
  // Arabic and Persian keyboards have digits of their own, with the value in the last four bits.
  const plain = typed.normalize('NFKC')
    .replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 15));
  return plain.replace(/[^0-9]/g, '').slice(0, CODE_LENGTH.max);
}

/** @param {number} ms what is left, e.g. "6 s" or "4:32"; begun seconds count, so that "0 s" means over */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/**
 * A measured time, e.g. "12 ms", "1.4 s" or "2:05".
 * @param {number} ms
 * @param {string} [locale]
 */
export function duration(ms, locale = 'en') {
  if (ms < 1) return '< 1 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms >= 60_000) return countdown(ms);
  return `${(ms / 1000).toLocaleString(locale, { maximumFractionDigits: 1 })} s`;
}

/**
 * Local time of day with milliseconds, e.g. "16:04:05.042".
 * @param {string|null|undefined} at RFC 3339
 */
export function clockTime(at) {
  const date = new Date(at ?? Number.NaN);
  if (Number.isNaN(date.getTime())) return '–';
  const two = (value) => String(value).padStart(2, '0');
  const seconds = `${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
  return `${two(date.getHours())}:${two(date.getMinutes())}:${seconds}`;
}

/**
 * The claims of a JWT, unverified: for display only.
 * @param {string} token
 * @returns {Record<string, unknown>|null}
 */
export function decodeClaims(token) {
  try {
    const payload = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && !Array.isArray(claims) ? claims : null;
  } catch {
    return null;
  }
}
