/**
 * PBKDF2 (RFC 8018 §5.2) with HMAC-SHA256 for one block of 32 bytes, for where `crypto.subtle` is not: a page that is not
 * served over TLS. No DOM.
 */
/**
 * @param {Uint8Array} password up to 64 bytes
 * @param {Uint8Array} salt up to 51 bytes
 * @param {number} rounds
 * @returns {Uint8Array} 32 bytes
 */
export declare function pbkdf2(password: Uint8Array, salt: Uint8Array, rounds: number): Uint8Array;
