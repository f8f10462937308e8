// Reads the times of a JWT without verifying it: only the relay decides whether it holds.

/** Ms since the epoch of `exp` and `iat`, where the token is a JWT that has them. Nothing here is verified. */
export function tokenTimes(token: string): { expiresAtMs?: number; issuedAtMs?: number } {
  try {
    const value: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const { exp, iat } = (value ?? {}) as { exp?: unknown; iat?: unknown };
    return {
      ...(typeof exp === 'number' && { expiresAtMs: exp * 1000 }),
      ...(typeof iat === 'number' && { issuedAtMs: iat * 1000 }),
    };
  } catch {
    return {};
  }
}

/** When to ask for a new token: a minute before it ends, or a fifth of its life for short ones. Ms since the epoch. */
export function renewAtMs(times: { issuedAtMs: number; expiresAtMs: number }): number {
  return times.expiresAtMs - Math.min(60_000, Math.max(0, times.expiresAtMs - times.issuedAtMs) / 5);
}
