/** The sign-in pages of the double: pick a person, no password. */
import type { Reply } from './http.ts';
import type { Person } from './people.ts';

/** A form that posts `fields` and the chosen `person` to `action`. */
export function pickPage(
  action: string,
  title: string,
  people: ReadonlyMap<string, Person>,
  fields: URLSearchParams,
): Reply {
  const hidden = [...fields].map(
    ([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`,
  );
  const buttons = [...people]
    .filter(([, person]) => person.app === undefined)
    .map(
      ([key, person]) =>
        `<p><button name="person" value="${escape(key)}">${escape(person.name)} (${escape(person.upn ?? person.oid)})</button></p>`,
    );
  return page(
    title,
    `<form method="post" action="${escape(action)}">${hidden.join('')}${buttons.join('')}</form>`,
  );
}

export function codePage(): Reply {
  return page(
    'Enter the code',
    '<form method="get" action="/device"><input name="user_code" autofocus><button>Next</button></form>',
  );
}

export function page(title: string, body: string, status = 200): Reply {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'referrer-policy': 'no-referrer',
    },
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><h1>${escape(title)}</h1>${body}</html>`,
  };
}

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
