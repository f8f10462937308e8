// Stream uids: 16 random bytes each, drawn many at a time.
import { randomFillSync } from 'node:crypto';

const UID_BYTES = 16;
const pool = Buffer.alloc(UID_BYTES * 256);
let at = pool.length;

/** 16 unpredictable bytes in a buffer of their own. */
export function newUid(): Buffer {
  if (at === pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  const uid = Buffer.from(pool.subarray(at, at + UID_BYTES));
  at += UID_BYTES;
  return uid;
}
