import t from 'tap';
import {
  exportAgentKey,
  keyIdOf,
  newAgentKey,
  parseAgentKey,
  parseProof,
  signEnrolment,
  signLink,
  verifyEnrolment,
  verifyLink,
} from '@fairlead/enrolment';

const link = { nonce: 'bm9uY2U', keyId: 'key', instance: 'agent-1', audience: 'relay.example:8443' };

t.test('a key survives its PEM and keeps its id', async (t) => {
  const key = newAgentKey();
  const again = parseAgentKey(exportAgentKey(key));
  t.equal(again.publicKey, key.publicKey);
  t.equal(keyIdOf(again.publicKey), key.keyId);
});

t.test('a key that is not Ed25519 is refused', async (t) => {
  t.throws(() => parseAgentKey('-----BEGIN NOTHING-----'), { code: 'ERR_ENROLMENT_KEY' });
  t.throws(() => keyIdOf('c2hvcnQ'), { code: 'ERR_ENROLMENT_KEY' });
});

t.test('a link proof holds for its own claims only', async (t) => {
  const key = newAgentKey();
  const signature = signLink(key, link);
  t.ok(verifyLink(key.publicKey, link, signature));
  for (const changed of ['nonce', 'keyId', 'instance', 'audience'] as const) {
    t.notOk(verifyLink(key.publicKey, { ...link, [changed]: 'other' }, signature), `${changed} changed`);
  }
  t.notOk(verifyLink(newAgentKey().publicKey, link, signature), 'another key');
  t.notOk(verifyLink(key.publicKey, link, ''), 'empty signature');
});

t.test('an enrolment proof is bound to token, key and relay', async (t) => {
  const key = newAgentKey();
  const claims = { joinToken: 'flj_x', publicKey: key.publicKey, audience: 'relay.example' };
  const signature = signEnrolment(key, claims);
  t.ok(verifyEnrolment(claims, signature));
  t.notOk(verifyEnrolment({ ...claims, joinToken: 'flj_y' }, signature));
  t.notOk(verifyEnrolment({ ...claims, audience: 'evil.example' }, signature));
  t.notOk(verifyEnrolment({ ...claims, publicKey: newAgentKey().publicKey }, signature));
});

t.test('a malformed proof message is refused by name', async (t) => {
  t.throws(() => parseProof('{'), { code: 'ERR_ENROLMENT_MESSAGE' });
  t.throws(() => parseProof({ type: 'proof', keyId: 'a b', instance: 'x', audience: 'y', signature: 'z' }), {
    code: 'ERR_ENROLMENT_MESSAGE',
  });
});
