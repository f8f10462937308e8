// Reads the two query parameters that change a request's meaning, as Go and the API server read them.

/** First value of a parameter, decoded as net/url.ParseQuery does: pieces with `;` or a broken escape are left out. */
export function queryValue(query: string, key: string): string | undefined {
  if (query === '') return undefined;
  for (const piece of query.split('&')) {
    if (piece === '' || piece.includes(';')) continue;
    const eq = piece.indexOf('=');
    const name = unescape(eq < 0 ? piece : piece.slice(0, eq));
    if (name !== key) continue;
    const value = eq < 0 ? '' : unescape(piece.slice(eq + 1));
    if (value !== undefined) return value;
  }
  return undefined;
}

/**
 * The object a field selector pins by `metadata.name=x`; undefined if it pins none, is malformed, or names what cannot be a path
 * segment. From requestinfo.go and k8s.io/apimachinery/pkg/fields/selector.go.
 */
export function exactName(selector: string | undefined): string | undefined {
  if (selector === undefined || selector === '') return undefined;
  let found: string | undefined;
  for (const term of splitTerms(selector)) {
    if (term === '') continue;
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    const value = match ? unescapeValue(match[3] ?? '') : undefined;
    if (!match || value === undefined) return undefined;
    if (found === undefined && match[1] === 'metadata.name' && match[2] !== '!=') found = value;
  }
  if (found === undefined || found === '' || found === '.' || found === '..' || /[/%]/.test(found))
    return undefined;
  return found;
}

/** Splits at commas that no backslash precedes. */
function splitTerms(selector: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < selector.length; i++) {
    if (selector[i] === '\\') i += 1;
    else if (selector[i] === ',') {
      terms.push(selector.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(selector.slice(start));
  return terms;
}

/** Undoes `\\`, `\,` and `\=`; undefined on any other escape or a bare `,` or `=`. */
function unescapeValue(value: string): string | undefined {
  if (!/^(?:[^\\,=]|\\[\\,=])*$/s.test(value)) return undefined;
  return value.replace(/\\([\\,=])/g, '$1');
}

function unescape(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
