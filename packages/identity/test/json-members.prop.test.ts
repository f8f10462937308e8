/** Duplicate members are found in any JSON, and never where there are none. */
import * as fc from 'fast-check';
import t from 'tap';
import { hasDuplicateMember } from '../src/json-members.ts';

t.test('what JSON.stringify writes has none', async () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => !hasDuplicateMember(JSON.stringify(value))));
});

t.test('one put in twice, at any depth, is found', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), fc.nat(5), (value, key, depth) => {
      const member = `${JSON.stringify(key)}:${JSON.stringify(value)}`;
      return hasDuplicateMember(`${'[{"x":'.repeat(depth)}{${member},${member}}${'}]'.repeat(depth)}`);
    }),
  );
});
