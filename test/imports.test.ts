/** The dependency rules of the architecture, over every import in src; and over made-up ones that break each rule. */

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { importsOf, violations, workspaceImports } from './support/import-rules.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const services = new Set(readdirSync(new URL('../services', import.meta.url)));

const check = (file: string, text: string): string[] => violations(importsOf(file, text), services);

t.test('the sources keep the dependency rules', async (t) => {
  const imports = workspaceImports(root);
  t.ok(imports.length > 200, 'imports were found');
  t.ok(
    imports.some(({ file, specifier }) => file === 'packages/tunnel/src/dial.ts' && specifier === 'ws'),
    'among them one that is known',
  );
  t.strictSame(violations(imports, services), []);
});

t.test('each rule refuses what breaks it', async (t) => {
  const broken: [string, string, string, RegExp][] = [
    [
      'a service in a service',
      'services/relay/src/a.ts',
      "import { x } from '@fairlead/agent';",
      /each other/,
    ],
    ['a service in a package', 'packages/cli/src/a.ts', "import { x } from '@fairlead/relay';", /services/],
    ['tunnel in kube', 'packages/kube/src/a.ts', "import { x } from '@fairlead/tunnel';", /each other/],
    ['types across', 'packages/kube/src/a.ts', "import type { X } from '@fairlead/identity';", /each other/],
    ['kube in directory', 'packages/directory/src/a.ts', "export * from '@fairlead/kube';", /each other/],
    ['access in kube', 'packages/kube/src/a.ts', "import type { X } from '@fairlead/access';", /each other/],
    [
      'kube values in access',
      'packages/access/src/a.ts',
      "import { type X, y } from '@fairlead/kube';",
      /types/,
    ],
    [
      'jose outside identity',
      'services/relay/src/a.ts',
      "import * as jose from 'jose';",
      /packages\/identity/,
    ],
    ['ioredis outside directory', 'services/relay/src/a.ts', "import Redis from 'ioredis';", /directory/],
    ['ws elsewhere in tunnel', 'packages/tunnel/src/link.ts', "import type { X } from 'ws';", /ws-transport/],
    ['ws in a service', 'services/agent/src/a.ts', "import { WebSocket } from 'ws';", /ws-transport/],
    ['azure in access', 'packages/access/src/a.ts', "import { X } from '@azure/identity';", /identity/],
    ['testbed in src', 'packages/cli/src/a.ts', "import { x } from '@fairlead/testbed/certs';", /testbed/],
    [
      'a path into a neighbour',
      'packages/cli/src/a.ts',
      "import { x } from '../../kube/src/b.ts';",
      /leaves/,
    ],
    ['a path to tests', 'packages/cli/src/a.ts', "import { x } from '../test/support.ts';", /leaves/],
    ['import()', 'services/agent/src/a.ts', "const x = await import('@fairlead/relay');", /each other/],
    ['an import over lines', 'packages/kube/src/a.ts', "import {\n  x,\n  y,\n} from 'jose';", /identity/],
    ['an import for its effects', 'packages/kube/src/a.ts', "import 'jose';", /identity/],
    ['require', 'packages/kube/src/a.ts', "createRequire(import.meta.url)('jose');", /identity/],
    ['a computed name', 'packages/kube/src/a.ts', 'await import(name);', /computed/],
  ];
  for (const [name, file, text, why] of broken) {
    const found = check(file, text);
    t.equal(found.length, 1, name);
    t.match(found[0], why, name);
  }
});

t.test('a cycle between packages is told with its way', async (t) => {
  const imports = [
    ...importsOf('packages/config/src/a.ts', "import { x } from '@fairlead/enrolment';"),
    ...importsOf('packages/enrolment/src/a.ts', "import { x } from '@fairlead/cli';"),
    ...importsOf('packages/cli/src/a.ts', "import type { X } from '@fairlead/config';"),
  ];
  t.strictSame(violations(imports, services), ['cycle: config → enrolment → cli → config']);
  t.strictSame(violations(imports.slice(0, 2), services), [], 'a chain is none');
});

t.test('what is allowed passes', async (t) => {
  const fine: [string, string][] = [
    ['packages/access/src/a.ts', "import type { Identity } from '@fairlead/kube';"],
    ['packages/access/src/a.ts', "import { type Identity, type Other } from '@fairlead/kube';"],
    ['packages/identity/src/a.ts', "import { jwtVerify } from 'jose';"],
    ['packages/testbed/src/issuer/a.ts', "import { SignJWT } from 'jose';\nimport { b } from '../b.ts';"],
    ['services/relay/src/a.ts', "import { x } from '@fairlead/kube';\nimport { y } from './b.ts';"],
    ['packages/kube/src/a.ts', "// was: import { x } from 'jose';\n/**\n * import('jose')\n */"],
  ];
  for (const [file, text] of fine) t.strictSame(check(file, text), [], text);
});
