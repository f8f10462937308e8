// Streams over a link: open, answer, data both ways, half-close, reset, and how a link begins and ends.
import t from 'tap';
import { ResetCode, TunnelError } from '../src/index.ts';
import { collector, echo, linkPair, settled } from './pair.ts';

t.test('a request that ends at once gets head, data and end', async (t) => {
  const { a, b, close } = await linkPair({
    onStream(stream) {
      stream.handler = { data() {}, end() {}, reset() {} };
      stream.head(Buffer.from(`re:${stream.meta.toString()}`));
      stream.write(Buffer.from('body'));
      stream.end();
    },
  });
  const got = collector();
  const stream = a.open(Buffer.from('GET'), got.handler, { end: true });
  got.stream = stream;
  await got.done;
  t.equal(got.head?.toString(), 're:GET');
  t.equal(got.body(), 'body');
  t.match(stream.uid, /^[0-9a-f]{32}$/);
  await settled();
  t.ok(stream.closed);
  t.equal(a.streams, 0);
  t.equal(b.streams, 0);
  t.equal(a.stats.reservedBytes, 0);
  t.equal(b.stats.reservedBytes, 0);
  t.equal(b.stats.messagesOut, 2, 'HELLO, and one message for the whole answer');
  close();
});

t.test('10 MiB echoed both ways arrive whole, also from the acceptor', async (t) => {
  const { a, b, close } = await linkPair({ onStream: echo }, { onStream: echo });
  for (const opener of [a, b]) {
    const got = collector();
    got.stream = opener.open(Buffer.from('echo'), got.handler);
    const chunk = Buffer.alloc(64 * 1024, 7);
    let left = 160;
    const pump = (): void => {
      while (left > 0) {
        left -= 1;
        if (!got.stream?.write(chunk)) return;
      }
      got.stream?.end();
    };
    got.handler.writable = pump;
    pump();
    await got.done;
    t.equal(got.bytes, 160 * 64 * 1024);
  }
  await settled();
  t.equal(a.stats.reservedBytes + b.stats.reservedBytes, 0);
  close();
});

t.test('a lost link resets the streams on both sides', async (t) => {
  const { a, b, close } = await linkPair({ onStream: echo });
  const got = collector();
  got.stream = a.open(Buffer.from('x'), got.handler);
  await settled();
  t.equal(b.streams, 1);
  b.terminate('test');
  await got.done;
  t.equal(got.resetCode, ResetCode.LINK_LOST);
  t.ok(a.closed);
  t.equal(a.stats.reservedBytes, 0);
  t.throws(() => a.open(Buffer.alloc(0), got.handler), { code: 'ERR_TUNNEL_CLOSED' });
  close();
});

t.test('drain of one side stops the other from opening and leaves streams alone', async (t) => {
  const drained: string[] = [];
  const { a, b, close } = await linkPair(
    { onStream: echo },
    { onDrain: (reason) => void drained.push(reason) },
  );
  const got = collector();
  got.stream = a.open(Buffer.from('x'), got.handler);
  b.drain('going away');
  await settled();
  t.same(drained, ['going away']);
  t.throws(() => a.open(Buffer.alloc(0), got.handler), { code: 'ERR_TUNNEL_DRAINING' });
  got.stream.write(Buffer.from('still'));
  got.stream.end();
  await got.done;
  t.equal(got.body(), 'still');
  close();
});

t.test('a handler that throws loses its own stream only', async (t) => {
  const { a, close } = await linkPair({
    onStream(stream) {
      if (stream.meta.toString() === 'bad') throw new Error('secret text');
      echo(stream);
    },
  });
  const bad = collector();
  bad.stream = a.open(Buffer.from('bad'), bad.handler);
  const good = collector();
  good.stream = a.open(Buffer.from('good'), good.handler);
  good.stream.write(Buffer.from('ok'));
  good.stream.end();
  await Promise.all([bad.done, good.done]);
  t.equal(bad.resetCode, ResetCode.INTERNAL);
  t.notMatch(bad.resetMessage, /secret/);
  t.equal(good.body(), 'ok');
  close();
});

t.test('INFO reaches the peer, and nothing of it is checked', async (t) => {
  const infos: unknown[] = [];
  const { a, close } = await linkPair({ onInfo: (info) => void infos.push(info) });
  a.sendInfo({ kind: 'facts' });
  await settled();
  t.same(infos, [{ kind: 'facts' }]);
  t.throws(() => a.sendInfo('x'.repeat(300 * 1024)), { code: 'ERR_TUNNEL_TOO_LARGE' });
  close();
});

t.test('orderly close says why to the peer', async (t) => {
  const ends: string[] = [];
  const { a } = await linkPair({ onClose: (end) => void ends.push(`${end.name}: ${end.message}`) });
  a.close('done');
  await settled();
  t.same(ends, ['OK: done']);
  t.ok(new TunnelError('ERR_TUNNEL_CLOSED', 'x') instanceof Error);
});
