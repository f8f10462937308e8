/** Finds a member that occurs twice in one JSON object, which JSON.parse would resolve silently. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gu;

/**
 * Whether any object in `text`, already known to be valid JSON, has two members of one name (compared unescaped).
 * RFC 7519 section 4 lets a parser take the last one; two parsers that differ would see two identities.
 */
export function hasDuplicateMember(text: string): boolean {
  const open: (Set<string> | undefined)[] = []; // a set per open object, undefined per open array
  let expectKey = false;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{') {
      open.push(new Set());
      expectKey = true;
    } else if (token === '[') {
      open.push(undefined);
      expectKey = false;
    } else if (token === '}' || token === ']') {
      open.pop();
      expectKey = false;
    } else if (token === ',') {
      expectKey = open.at(-1) !== undefined;
    } else if (expectKey && token !== ':') {
      const key: unknown = JSON.parse(token);
      const seen = open.at(-1);
      if (seen === undefined || typeof key !== 'string' || seen.has(key)) return true;
      seen.add(key);
      expectKey = false;
    }
  }
  return false;
}
