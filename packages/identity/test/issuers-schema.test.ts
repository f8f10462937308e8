/** What the configuration of issuers admits. */
import t from 'tap';
import { Compile } from 'typebox/compile';
import { IssuersSchema } from '../src/index.ts';

const schema = Compile(IssuersSchema);
const base = { name: 'x', issuer: 'https://idp.example', audience: 'fairlead' };

t.test('closed objects, asymmetric algorithms, bounded skew', async (t) => {
  t.ok(
    schema.Check([
      base,
      { ...base, audience: ['a', 'b'], algorithms: ['PS256'], login: { clientId: 'c', scopes: [] } },
    ]),
  );
  const wrong: Record<string, unknown>[] = [
    { unknown: 1 },
    { algorithms: ['HS256'] },
    { algorithms: ['none'] },
    { algorithms: [] },
    { clockSkewSeconds: 301 },
    { audience: [] },
    { audience: '' },
    { preset: 'azure' },
    { tenant: 'common' },
    { issuer: 'file:///etc/passwd' },
    { name: 'cluster:demo' },
    { login: { clientId: 'c', scopes: [], secret: 's' } },
  ];
  for (const over of wrong) t.notOk(schema.Check([{ ...base, ...over }]), JSON.stringify(over));
});
